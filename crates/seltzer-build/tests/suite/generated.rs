//! What generated Rust contains, seen through a parser.

use quote::ToTokens;
use seltzer_build::{Builder, configure};
use syn::{File, Item, TraitItem};

use crate::support::Workspace;

const GREETER: &str = "\
syntax = \"proto3\";
package hello;
// Greets.
service Greeter {
  // Once.
  rpc Say(Request) returns (Reply);
  // Often.
  rpc SayMany(Request) returns (stream Reply);
  rpc Hear(stream Request) returns (Reply);
  rpc Chat(stream Request) returns (stream Reply) { option deprecated = true; }
}
message Request {}
message Reply {}
";

fn parse(schema: &str, builder: &Builder) -> File {
    let workspace = Workspace::new(schema);
    let generated = workspace.generate(builder).unwrap();
    let name = generated.names().into_iter().find(|name| name.ends_with(".rs")).unwrap().to_owned();
    syn::parse_file(generated.text(&name)).unwrap()
}

/// The items of the module of this name.
fn module<'a>(file: &'a File, name: &str) -> &'a [Item] {
    let module = file.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => module.content.as_ref(),
        _ => None,
    });
    &module.unwrap_or_else(|| panic!("no module {name}")).1
}

fn module_names(file: &File) -> Vec<String> {
    let modules = file.items.iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    modules.collect()
}

/// Code without white space and final commas, for comparisons.
fn code(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "").replace(",>", ">").replace(",)", ")")
}

/// The signatures of a trait, without their documentation.
fn signatures(items: &[Item]) -> Vec<String> {
    let the_trait = items.iter().find_map(|item| match item {
        Item::Trait(the_trait) => Some(the_trait),
        _ => None,
    });
    let items = the_trait.expect("a trait").items.iter();
    let signatures = items.map(|item| match item {
        TraitItem::Fn(method) => code(&method.sig),
        TraitItem::Type(the_type) => format!("type{}:{}", the_type.ident, code(&the_type.bounds)),
        other => code(other),
    });
    signatures.collect()
}

#[test]
fn a_service_becomes_three_modules() {
    let file = parse(GREETER, &configure());
    assert_eq!(module_names(&file), ["greeter_descriptor", "greeter_server", "greeter_client"]);
    let file = parse(GREETER, &configure().build_client(false));
    assert_eq!(module_names(&file), ["greeter_descriptor", "greeter_server"]);
    let file = parse(GREETER, &configure().build_server(false));
    assert_eq!(module_names(&file), ["greeter_descriptor", "greeter_client"]);
    let file = parse(GREETER, &configure().build_server(false).build_client(false));
    assert!(module_names(&file).is_empty());
    // Nothing but a service, and nothing to make of it.
    let empty = parse("syntax = \"proto3\";\nservice S {}\n", &configure().build_server(false).build_client(false));
    assert_eq!(empty.items.len(), 1, "only the descriptor set");
}

#[test]
fn the_trait_has_a_method_for_each_kind_of_call() {
    let file = parse(GREETER, &configure());
    let future = |reply: &str| {
        format!(
            "impl::core::future::Future<Output=::core::result::Result<::seltzer::Response<{reply}>,::seltzer::Status>>+::core::marker::Send"
        )
    };
    let stream = "::seltzer::codegen::Stream<Item=::core::result::Result<super::Reply,::seltzer::Status>>+::core::marker::Send+'static";
    assert_eq!(
        signatures(module(&file, "greeter_server")),
        [
            format!("fnsay(&self,request:::seltzer::Request<super::Request>)->{}", future("super::Reply")),
            format!("typeSayManyStream:{stream}"),
            format!("fnsay_many(&self,request:::seltzer::Request<super::Request>)->{}", future("Self::SayManyStream")),
            format!(
                "fnhear(&self,request:::seltzer::Request<::seltzer::Streaming<super::Request>>)->{}",
                future("super::Reply")
            ),
            format!("typeChatStream:{stream}"),
            format!(
                "fnchat(&self,request:::seltzer::Request<::seltzer::Streaming<super::Request>>)->{}",
                future("Self::ChatStream")
            ),
        ]
    );
}

#[test]
fn comments_become_documentation() {
    let text = |builder: &Builder| {
        let workspace = Workspace::new(GREETER);
        workspace.generate(builder).unwrap().text("hello.rs").to_owned()
    };
    let documented = text(&configure());
    for line in ["    /// Greets.\n", "        /// Once.\n", "        /// Often.\n"] {
        assert_eq!(documented.matches(line).count(), 2, "in server and client: {line}");
    }
    let silent = text(&configure().disable_comments(["."]));
    assert!(!silent.contains("Greets.") && !silent.contains("Once."));
    let half = text(&configure().disable_comments(["hello.Greeter.Say"]));
    assert!(half.contains("Greets.") && !half.contains("Once.") && half.contains("Often."));
}

#[test]
fn deprecated_methods_warn_callers_only() {
    let file = parse(GREETER, &configure());
    let client = module(&file, "greeter_client").iter().map(code).collect::<String>();
    assert_eq!(client.matches("#[deprecated]").count(), 1);
    assert!(client.contains("#[deprecated]pubasyncfnchat"));
    let server = module(&file, "greeter_server").iter().map(code).collect::<String>();
    assert!(!server.contains("#[deprecated]"));
    let descriptor = module(&file, "greeter_descriptor").iter().map(code).collect::<String>();
    assert!(descriptor.contains(".with_deprecated(true)"));
}

#[test]
fn code_uses_absolute_paths_only() {
    let workspace = Workspace::new(GREETER);
    let generated = workspace.generate(&configure().seltzer_path("crate::rpc")).unwrap();
    let text = generated.text("hello.rs");
    let file = syn::parse_file(text).unwrap();
    let modules = ["greeter_descriptor", "greeter_server", "greeter_client"].map(|name| module(&file, name));
    let mut items = file.items.iter().chain(modules.into_iter().flatten());
    assert!(!items.any(|item| matches!(item, Item::Use(_))));
    assert!(!text.contains("::seltzer"), "every path follows the setting");
    assert!(text.contains("crate::rpc::prost::Message") && text.contains("crate::rpc::codegen::Service"));
    let generated = workspace.generate(&configure().prost_path("::prost")).unwrap();
    assert!(generated.text("hello.rs").contains("::prost::Message"));
}

#[test]
fn transport_package_and_codec_can_be_chosen() {
    let workspace = Workspace::new(GREETER);
    let builder = configure().build_transport(false).disable_package_emission().codec_path("crate::MyCodec");
    let generated = workspace.generate(&builder).unwrap();
    let text = generated.text("hello.rs");
    assert!(!text.contains("fn connect") && !text.contains("::seltzer::Channel"));
    assert!(text.contains("\"/Greeter/Say\"") && !text.contains("\"/hello.Greeter/Say\""));
    assert!(text.contains("crate::MyCodec::default()") && !text.contains("ProstCodec"));
}

#[test]
fn names_that_are_keywords_are_escaped() {
    let file = parse(
        "syntax = \"proto3\";\npackage a;\nmessage Self { int32 type = 1; int32 self = 2; }\n\
         service impl { rpc match(Self) returns (stream Self); rpc Super(Self) returns (Self); }\n",
        &configure(),
    );
    assert_eq!(module_names(&file), ["impl_descriptor", "impl_server", "impl_client"]);
    let signatures = signatures(module(&file, "impl_server"));
    let starts: Vec<&str> = signatures.iter().map(|text| text.split(['(', ':']).next().unwrap()).collect();
    assert_eq!(starts, ["typeMatchStream", "fnr#match", "fnsuper_"]);
}

/// A client has functions of its own; methods of their names step aside.
#[test]
fn methods_called_like_functions_of_the_client_step_aside() {
    let file = parse(
        "syntax = \"proto3\";\nmessage A {}\nservice S { rpc New(A) returns (A); rpc Connect(A) returns (A); \
         rpc SendCompressed(A) returns (A); rpc WithOrigin(A) returns (A); }\n",
        &configure(),
    );
    let client = module(&file, "s_client").iter().map(code).collect::<String>();
    for name in ["new", "connect", "send_compressed", "with_origin"] {
        assert!(client.contains(&format!("asyncfn{name}_(&self")), "{name}");
    }
    let server = signatures(module(&file, "s_server"));
    assert!(server[0].starts_with("fnnew("), "the trait has the name itself: {server:?}");
}

#[test]
fn stubs_need_no_associated_types() {
    let file = parse(GREETER, &configure().generate_default_stubs(true));
    let signatures = signatures(module(&file, "greeter_server"));
    assert_eq!(signatures.len(), 4, "{signatures:?}");
    assert!(signatures[1].contains("::core::pin::Pin<::std::boxed::Box<dyn::seltzer::codegen::Stream<"));
}

/// Code in comments would become a failing test of the user's crate.
#[test]
fn code_in_comments_is_text() {
    let workspace = Workspace::new(
        "syntax = \"proto3\";\n// Example:\n//\n//     message A {}\n//\n// ```\n// more\n// ```\nmessage A {}\n",
    );
    let generated = workspace.generate(&configure()).unwrap();
    let text = generated.text("_.rs");
    assert_eq!(text.matches("/// ```text\n").count(), 2, "{text}");
}
