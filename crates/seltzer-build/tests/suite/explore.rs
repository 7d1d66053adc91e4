use std::fs;
use crate::support::Workspace;
fn collect(d: &std::path::Path, out: &mut Vec<String>) { for e in fs::read_dir(d).unwrap() { let p = e.unwrap().path(); if p.is_dir() { collect(&p, out) } else { out.push(fs::read_to_string(p).unwrap()) } } }
#[test]
fn explore() {
    let mut texts = Vec::new();
    collect(std::path::Path::new("/work/main/tests/fixtures/proto"), &mut texts);
    texts.push(fs::read_to_string("proto/google/api/http.proto").unwrap());
    texts.push(fs::read_to_string("proto/google/api/resource.proto").unwrap());
    let dict: Vec<String> = texts.iter().flat_map(|t| t.split(|c: char| c.is_whitespace()).map(str::to_owned)).filter(|t| !t.is_empty()).chain(["-1","0","536870911","1e999","\"\\377\"","nan","inf","{","}","[","]","(",")","=",";","'","extensions 1 to max;","reserved 1;","[packed=true]","[json_name=\"x\"]","group","oneof","map<string,int32>","option (x).y = {a:1};","default = nan","_","__","1","[deprecated=true]","stream","repeated","optional","required","message_set_wire_format = true"].map(str::to_owned)).collect();
    let mut seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut next = move || { seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17; seed as usize };
    let mut seen = std::collections::BTreeMap::<String, (usize, String)>::new();
    let n: usize = std::env::var("N").ok().and_then(|s| s.parse().ok()).unwrap_or(3000);
    for _ in 0..n {
        let base = &texts[next() % texts.len()];
        let mut toks: Vec<String> = base.split_inclusive(|c: char| c.is_whitespace()).map(str::to_owned).collect();
        for _ in 0..1 + next() % 4 {
            let i = next() % toks.len();
            match next() % 5 { 0 => { toks.remove(i); } 1 => toks[i] = format!("{} ", dict[next() % dict.len()]), 2 => toks.insert(i, format!("{} ", dict[next() % dict.len()])), 3 => { let j = next() % toks.len(); toks.swap(i, j) } _ => { let t = toks[i].clone(); toks.insert(i, t) } }
            if toks.is_empty() { break }
        }
        let text: String = toks.concat();
        if text.contains("===") { continue }
        let w = Workspace::new(&text);
        let b = seltzer_build::configure().include_file("all.rs");
        let r = b.load(&[w.path("a.proto")], &[w.root(), std::path::Path::new("/work/main/tests/fixtures/proto")]).and_then(|s| b.generate_to(&s, w.path("out")));
        let key = match &r { Ok(()) => "OK".to_owned(), Err(e) => { let m = e.message(); let _ = format!("{e:?}{e}"); if e.hint().is_none() { format!("NOHINT {}", m.split('\'').next().unwrap()) } else if e.line().is_none() { format!("NOPLACE {}", m.split('`').next().unwrap()) + m.rsplit(": ").next().unwrap() } else { "hinted".to_owned() } } };
        let e = seen.entry(key).or_insert((0, text.clone())); e.0 += 1;
        if let Err(e2) = &r { if e2.message().contains("compiler failed") || e2.message().contains("prost-build") || e2.message().contains("not Rust") { e.1 = format!("{e2:?}\n{text}"); } }
    }
    for (k, (c, t)) in &seen { println!("{c:6} {k}"); if k.contains("failed") || k.contains("prost-build") || k.contains("not Rust") { println!("-----\n{t}\n-----"); } }
}
