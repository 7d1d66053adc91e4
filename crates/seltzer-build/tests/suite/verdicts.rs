//! Which schemas are accepted and which are not: a table with protoc's own verdicts, each recorded from protoc itself.

use std::path::PathBuf;

use crate::support::Workspace;

const TABLE: &str = include_str!("verdicts.txt");

/// One schema of the table.
struct Verdict {
    name: &'static str,
    /// What this compiler does: protoc's verdict, or the other one where a reason to differ is given.
    is_accepted: bool,
    schema: String,
}

fn verdicts() -> Vec<Verdict> {
    let blocks = TABLE.split("\n### ").skip(1);
    let read = |block: &'static str| {
        let (head, schema) = block.split_once('\n').unwrap();
        let mut words = head.splitn(3, ' ');
        let (name, verdict) = (words.next().unwrap(), words.next().unwrap());
        let differs = words.next().is_some();
        assert!(matches!(verdict, "accept" | "reject"), "{head}");
        Verdict { name, is_accepted: (verdict == "accept") != differs, schema: schema.replace("\\r", "\r") }
    };
    blocks.map(read).collect()
}

#[test]
fn schemas_are_judged_as_protoc_judges_them() {
    let mut wrong = Vec::new();
    let verdicts = verdicts();
    assert!(verdicts.len() > 500, "the table was not read");
    for verdict in verdicts {
        let workspace = Workspace::new(&verdict.schema);
        let loaded = seltzer_build::configure().load(&[workspace.path("a.proto")], &[workspace.root()]);
        match loaded {
            Ok(_) if verdict.is_accepted => {}
            Ok(_) => wrong.push(format!("{}: is accepted", verdict.name)),
            Err(error) if verdict.is_accepted => wrong.push(format!("{}: {error}", verdict.name)),
            Err(error) => {
                let file = error.file().map(PathBuf::from);
                let is_complete = file.is_some() && error.line().is_some() && error.column().is_some();
                if !is_complete || error.hint().is_none() {
                    wrong.push(format!("{}: without a place or a hint: {error:?}", verdict.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
