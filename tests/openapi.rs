//! OpenAPI documents of a schema with every kind of field, method and rule, and the pages that show them.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use seltzer::Server;
use seltzer::gateway::{Gateway, JsonOptions};
use seltzer::health::HealthReporter;
use seltzer::openapi::{DescriptorPool, OpenApi};
use seltzer_fixtures::documented::library::v1 as library;
use seltzer_fixtures::documented::library::v1::library_server::LibraryServer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Running, patiently};

struct Handler;

impl library::library_server::Library for Handler {}

/// The document as whoever reads it sees it.
fn document(openapi: &OpenApi) -> Value {
    let pool = DescriptorPool::decode(library::FILE_DESCRIPTOR_SET).unwrap();
    let service = pool.get_service_by_name("library.v1.Library").unwrap();
    serde_json::from_str(&openapi.document([service]).unwrap().to_json()).unwrap()
}

/// What stands at a JSON pointer is exactly this.
fn check(document: &Value, pointer: &str, expected: &Value) {
    assert_eq!(document.pointer(pointer).unwrap_or(&Value::Null), expected, "{pointer}");
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

#[test]
fn every_kind_of_field_has_its_schema() {
    let document = document(&OpenApi::new());
    let integer = json!({"type": "integer", "format": "int32"});
    let unsigned = json!({"type": "integer", "format": "uint32", "minimum": 0});
    let (long, unsigned_long) =
        (json!({"type": "string", "format": "int64"}), json!({"type": "string", "format": "uint64"}));
    let bytes = json!({"type": "string", "format": "byte", "contentEncoding": "base64"});
    let map =
        |keys: Value, values: Value| json!({"type": "object", "propertyNames": keys, "additionalProperties": values});
    let known = |name: &str| reference(&format!("google.protobuf.{name}"));
    let view = reference("library.v1.View");
    let table = [
        ("aDouble", json!({"type": "number", "format": "double"})),
        ("aFloat", json!({"type": "number", "format": "float"})),
        ("anInt32", integer.clone()),
        ("aSint32", integer.clone()),
        ("aSfixed32", integer),
        ("aUint32", unsigned.clone()),
        ("aFixed32", unsigned),
        ("anInt64", long.clone()),
        ("aSint64", long.clone()),
        ("aSfixed64", long),
        ("aUint64", unsigned_long.clone()),
        ("aFixed64", unsigned_long.clone()),
        ("aBool", json!({"type": "boolean"})),
        ("aString", json!({"type": "string"})),
        ("someBytes", bytes.clone()),
        ("inner", reference("library.v1.Kinds.Inner")),
        ("view", view.clone()),
        ("old", reference("library.v1.Old")),
        ("list", json!({"type": "array", "items": unsigned_long})),
        ("byString", json!({"type": "object", "additionalProperties": reference("library.v1.Kinds.Inner")})),
        ("byInt64", map(json!({"pattern": "^-?[0-9]+$"}), json!({"type": "string"}))),
        ("byUint32", map(json!({"pattern": "^[0-9]+$"}), view)),
        ("byBool", map(json!({"enum": ["true", "false"]}), bytes)),
        ("maybe", json!({"type": "string"})),
        ("GIVEN", json!({"type": "string"})),
        ("any", known("Any")),
        ("duration", known("Duration")),
        ("mask", known("FieldMask")),
        ("values", known("ListValue")),
        ("null", json!({"type": "null"})),
        ("struct", known("Struct")),
        ("timestamp", known("Timestamp")),
        ("value", known("Value")),
        ("wrappedBool", known("BoolValue")),
        ("wrappedBytes", known("BytesValue")),
        ("wrappedDouble", known("DoubleValue")),
        ("wrappedFloat", known("FloatValue")),
        ("wrappedInt32", known("Int32Value")),
        ("wrappedInt64", known("Int64Value")),
        ("wrappedString", known("StringValue")),
        ("wrappedUint32", known("UInt32Value")),
        ("wrappedUint64", known("UInt64Value")),
        ("read", json!({"type": "string", "readOnly": true})),
        ("write", json!({"type": "string", "writeOnly": true})),
        ("gone", json!({"type": "string", "deprecated": true})),
    ];
    let properties = document.pointer("/components/schemas/library.v1.Kinds/properties").unwrap().as_object().unwrap();
    assert_eq!(properties.len(), table.len(), "each of them is in the table");
    for (name, expected) in table {
        check(&document, &format!("/components/schemas/library.v1.Kinds/properties/{name}"), &expected);
    }
}

#[test]
fn well_known_types_are_what_they_are_in_json() {
    let document = document(&OpenApi::new());
    let nullable = |kind: &str| json!([kind, "null"]);
    let table = [
        ("Any", "/required", json!(["@type"])),
        ("Any", "/additionalProperties", json!(true)),
        ("Duration", "/pattern", json!(r"^-?[0-9]+(\.[0-9]{1,9})?s$")),
        ("Empty", "/type", json!("object")),
        ("FieldMask", "/type", json!("string")),
        ("ListValue", "/items", reference("google.protobuf.Value")),
        ("Struct", "/additionalProperties", reference("google.protobuf.Value")),
        ("Timestamp", "/format", json!("date-time")),
        ("Value", "/type", json!(null)),
        ("BoolValue", "/type", nullable("boolean")),
        ("BytesValue", "/contentEncoding", json!("base64")),
        ("DoubleValue", "/type", nullable("number")),
        ("FloatValue", "/format", json!("float")),
        ("Int32Value", "/type", nullable("integer")),
        ("Int64Value", "/type", nullable("string")),
        ("StringValue", "/type", nullable("string")),
        ("UInt32Value", "/minimum", json!(0)),
        ("UInt64Value", "/format", json!("uint64")),
    ];
    for (name, pointer, expected) in table {
        check(&document, &format!("/components/schemas/google.protobuf.{name}{pointer}"), &expected);
    }
    check(
        &document,
        "/components/schemas/google.rpc.Status/properties/details/items",
        &reference("google.protobuf.Any"),
    );
}

#[test]
fn messages_say_what_their_schemas_say() {
    let document = document(&OpenApi::new());
    let schemas = "/components/schemas/library.v1";
    let author = json!({
        "title": "Author", "type": "object", "description": "Who wrote it.",
        "properties": {
            "fullName": {"type": "string", "description": "As printed."},
            "born": {"type": "integer", "format": "int32"},
        },
    });
    check(&document, &format!("{schemas}.Author"), &author);
    let book = json!({
        "title": "Book", "type": "object", "description": "What is lent.",
        "properties": {
            "title": {"type": "string"},
            "name": {"type": "string"},
            "quotes": {"type": "array", "items": reference("library.v1.Book"), "description": "Books that it quotes."},
            "author": reference("library.v1.Author"),
        },
        "required": ["name"],
        "oneOf": [
            {
                "title": "shelfNumber", "type": "object", "required": ["shelfNumber"],
                "properties": {"shelfNumber": {"type": "integer", "format": "int32", "description": "Where it stands."}},
            },
            {
                "title": "lender", "type": "object", "required": ["lender"],
                "properties": {"lender": reference("library.v1.Author")},
            },
            {"title": "no place", "not": {"anyOf": [{"required": ["shelfNumber"]}, {"required": ["lender"]}]}},
        ],
    });
    check(&document, &format!("{schemas}.Book"), &book);
    for (at, title) in [("0/oneOf/0", "left"), ("0/oneOf/1", "right"), ("1/oneOf/2", "no second")] {
        check(&document, &format!("{schemas}.Kinds/allOf/{at}/title"), &title.into());
    }
    let view = json!({
        "title": "View", "type": "string", "enum": ["VIEW_UNSPECIFIED", "VIEW_BRIEF", "VIEW_WHOLE"],
        "description": "How much of it.\n\n- `VIEW_UNSPECIFIED`: The usual.\n- `VIEW_WHOLE`: All of it, cover to cover.",
    });
    check(&document, &format!("{schemas}.View"), &view);
    let old =
        json!({"title": "Old", "type": "string", "enum": ["OLD_ZERO", "OLD_NULL", "OLD_ONE"], "deprecated": true});
    check(&document, &format!("{schemas}.Old"), &old);
    // Fields stand in the order of the schema, in both forms.
    let text =
        OpenApi::new().document(DescriptorPool::decode(library::FILE_DESCRIPTOR_SET).unwrap().services()).unwrap();
    for text in [text.to_json(), text.to_yaml()] {
        let at = |word: &str| text.find(word).unwrap();
        assert!(at("Books that it quotes") > at("library.v1.Book") && at("info") < at("paths"), "{text}");
    }
}

#[test]
fn every_rule_has_its_operation() {
    let document = document(&OpenApi::new());
    let name = |words: &str| {
        json!({"name": "name", "in": "path", "description": words, "required": true,
               "schema": {"type": "string", "minLength": 1}})
    };
    let view = json!({"name": "view", "in": "query", "schema": reference("library.v1.View")});
    let book = json!({"application/json": {"schema": reference("library.v1.Book")}});
    let error = json!({"$ref": "#/components/responses/Error"});
    let part = |number: u32| {
        json!({"name": format!("name.{number}"), "in": "path", "required": true,
               "description": "Which one.\n\nA part of `name`, which is `shelves/*/books/*`.",
               "schema": {"type": "string", "minLength": 1}})
    };
    let get = json!({
        "tags": ["library.v1.Library"],
        "summary": "Finds a book", "description": "Finds a book. By its name.\n\nFails with NOT_FOUND.",
        "operationId": "library_v1_Library_GetBook",
        "parameters": [part(1), part(2), view],
        "responses": {"200": {"description": "OK", "content": book}, "default": error},
    });
    check(&document, "/paths/~1v1~1shelves~1{name.1}~1books~1{name.2}/get", &get);
    let books = "/paths/~1v1~1books~1{name}";
    let table = [
        (format!("{books}/get/operationId"), json!("library_v1_Library_GetBook_2")),
        (format!("{books}/get/parameters"), json!([name("Which one."), view])),
        (format!("{books}/delete/deprecated"), json!(true)),
        (format!("{books}/head/operationId"), json!("library_v1_Library_Peek")),
        // A path of the same shape, whose parameter has another name.
        (format!("{books}/patch/parameters/0"), name("The field `book.name`.")),
        (format!("{books}/patch/parameters/1/name"), json!("mask")),
        (format!("{books}/patch/parameters/1/schema"), reference("google.protobuf.FieldMask")),
        (format!("{books}/patch/requestBody"), json!({"required": true, "content": book})),
        (format!("{books}/patch/summary"), json!("Changes what `mask` names")),
        (format!("{books}/patch/description"), json!(null)),
        ("/paths/~1v1~1books~1{book.name}".to_owned(), json!(null)),
        (
            "/paths/~1v1~1shelves~1{shelf}~1books/post/parameters".to_owned(),
            json!([
                {"name": "shelf", "in": "path", "required": true, "schema": {"type": "string", "format": "int64"}},
                {"name": "dryRun", "in": "query", "schema": {"type": "boolean"}},
            ]),
        ),
        (
            "/paths/~1v1~1shelves~1{shelf}~1books/post/responses/200/content".to_owned(),
            json!({"application/json": {"schema": {"type": "string"}}}),
        ),
        ("/paths/~1v1~1covers~1{name}/get/responses/200/content".to_owned(), json!({"*/*": {}})),
        ("/paths/~1v1~1scans/x-additionalOperations/SCAN/requestBody/content".to_owned(), json!({"*/*": {}})),
        ("/tags".to_owned(), json!([{"name": "library.v1.Library", "description": "Lends books. To everybody."}])),
    ];
    for (pointer, expected) in table {
        check(&document, &pointer, &expected);
    }
}

#[test]
fn queries_reach_into_messages() {
    let document = document(&OpenApi::new());
    let search = "/paths/~1v1~1search~1{path}/get/parameters";
    let parameters = document.pointer(search).unwrap().as_array().unwrap();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    // Not: messages in maps and lists, what only answers have, and the message within itself.
    assert_eq!(names, ["path", "words", "limits", "author.fullName", "author.born", "since", "lent"]);
    let limits = json!({
        "name": "limits", "in": "query", "style": "deepObject", "explode": true,
        "schema": {"type": "object", "additionalProperties": {"type": "integer", "format": "int32"}},
    });
    let table = [
        (
            0,
            json!({"name": "path", "in": "path", "description": "May have slashes in it.", "required": true, "schema": {"type": "string"}}),
        ),
        (1, json!({"name": "words", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}})),
        (2, limits),
        (
            3,
            json!({"name": "author.fullName", "in": "query", "description": "As printed.", "schema": {"type": "string"}}),
        ),
        (
            6,
            json!({"name": "lent", "in": "query", "deprecated": true, "schema": reference("google.protobuf.BoolValue")}),
        ),
    ];
    for (index, expected) in table {
        check(&document, &format!("{search}/{index}"), &expected);
    }
}

#[test]
fn what_stands_in_the_path_is_not_in_the_query() {
    let rules = r#"{"http": {"rules": [
        {"selector": "library.v1.Library.Search", "get": "/v1/{path=fixed}/{author.fullName}/{seen}"}
    ]}}"#;
    let document = document(&OpenApi::new().gateway(&Gateway::new().rules_json(rules).unwrap()));
    let operation = document["paths"].as_object().unwrap().iter().find(|(path, _)| path.starts_with("/v1/fixed/"));
    let parameters = operation.unwrap().1["get"]["parameters"].as_array().unwrap();
    let of = |place: &str| {
        let there = parameters.iter().filter(|parameter| parameter["in"] == place);
        there.map(|parameter| parameter["name"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of("path"), ["author.fullName", "seen"]);
    let query = of("query");
    assert!(query.contains(&"author.born") && query.contains(&"words"), "{query:?}");
    assert!(!query.contains(&"path") && !query.contains(&"author.fullName"), "{query:?}");
}

#[test]
fn streams_say_their_forms() {
    let document = document(&OpenApi::new());
    let book = reference("library.v1.Book");
    let list = json!({"schema": {"type": "array", "items": book}});
    let line = json!({"schema": book});
    let events = described(json!({"type": "string"}), "Each event's data is a message.");
    let events = json!({"schema": events});
    let down = json!({"application/json": list, "application/x-ndjson": line, "text/event-stream": events});
    let up = json!({"application/json": list, "application/x-ndjson": line});
    check(&document, "/paths/~1v1~1search~1{path}/get/responses/200/content", &down);
    check(&document, "/paths/~1v1~1returns:all/post/requestBody/content", &up);
    check(&document, "/paths/~1v1~1returns:all/post/parameters", &Value::Null);
    let talk = "/paths/~1library.v1.Library~1Talk/post";
    check(&document, &format!("{talk}/requestBody/content"), &up);
    check(&document, &format!("{talk}/responses/200/content"), &down);
}

#[test]
fn settings_show() {
    let openapi = OpenApi::new()
        .title("Books")
        .version("2.1")
        .description("All of *them*.")
        .server_url("https://books.example.com")
        .bearer_auth(true)
        .gateway(&Gateway::new().json(JsonOptions::new().proto_names(true).enum_numbers(true)));
    let document = document(&openapi);
    let table = [
        ("/openapi", json!("3.1.0")),
        ("/info", json!({"title": "Books", "version": "2.1", "description": "All of *them*."})),
        ("/servers", json!([{"url": "https://books.example.com"}])),
        ("/security", json!([{"bearer": []}])),
        ("/components/securitySchemes/bearer", json!({"type": "http", "scheme": "bearer"})),
        ("/components/schemas/library.v1.Old/enum", json!([0, 1])),
        ("/components/schemas/library.v1.Old/type", json!("integer")),
        ("/components/schemas/library.v1.Old/description", json!("- 0: `OLD_ZERO`\n- 0: `OLD_NULL`\n- 1: `OLD_ONE`")),
        ("/components/schemas/library.v1.Author/properties/full_name/type", json!("string")),
        ("/components/schemas/library.v1.Author/properties/fullName", json!(null)),
    ];
    for (pointer, expected) in table {
        check(&document, pointer, &expected);
    }
    let plain = self::document(&OpenApi::new());
    for (pointer, expected) in
        [("/security", json!(null)), ("/servers", json!([{"url": "/"}])), ("/info/version", json!("1"))]
    {
        check(&plain, pointer, &expected);
    }
    let hidden = self::document(&OpenApi::new().hide("library"));
    check(&hidden, "/paths", &json!({}));
}

#[test]
fn documents_are_those_of_their_gateway() {
    let rules = r#"{"http": {"rules": [{"selector": "library.v1.Library.Talk", "post": "/v1/talk", "body": "*"}]}}"#;
    let gateway = Gateway::new().rules_json(rules).unwrap();
    let document = document(&OpenApi::new().gateway(&gateway));
    check(&document, "/paths/~1v1~1talk/post/operationId", &json!("library_v1_Library_Talk"));
    check(&document, "/paths/~1library.v1.Library~1Talk", &Value::Null);
    let document = self::document(&OpenApi::new().gateway(&Gateway::new().methods_without_rules(false)));
    check(&document, "/paths/~1library.v1.Library~1Talk", &Value::Null);

    let rules = r#"{"http": {"rules": [{"selector": "library.v1.Library.Talk", "get": "/v1/{none}"}]}}"#;
    let pool = DescriptorPool::decode(library::FILE_DESCRIPTOR_SET).unwrap();
    let openapi = OpenApi::new().gateway(&Gateway::new().rules_json(rules).unwrap());
    let error = openapi.document(pool.services()).unwrap_err().to_string();
    assert!(error.contains("library.v1.Library.Talk") && error.contains("none"), "{error}");
}

#[test]
fn yaml_says_the_same() {
    let pool = DescriptorPool::decode(library::FILE_DESCRIPTOR_SET).unwrap();
    let document = OpenApi::new().description("One: two\n\n# three").document(pool.services()).unwrap();
    let json: Value = serde_json::from_str(&document.to_json()).unwrap();
    let read = Yaml::load_from_str(&document.to_yaml()).unwrap();
    assert_eq!(to_json(&read[0]), json);
}

/// What somebody else's YAML parser has read.
fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        Yaml::Sequence(list) => list.iter().map(to_json).collect(),
        Yaml::Mapping(map) => {
            map.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), to_json(value))).collect()
        }
        other => panic!("a document has no {other:?}"),
    }
}

#[test]
fn names_that_several_sets_have_stay_apart() {
    use seltzer::services::schemas::{calculator, contact};
    let pools =
        [calculator::FILE_DESCRIPTOR_SET, contact::FILE_DESCRIPTOR_SET].map(|set| DescriptorPool::decode(set).unwrap());
    let services: Vec<_> = pools.iter().flat_map(|pool| pool.services().collect::<Vec<_>>()).collect();
    let document = OpenApi::new().document(services).unwrap();
    let document: Value = serde_json::from_str(&document.to_json()).unwrap();
    let fields = |name: &str| {
        let properties = document.pointer(&format!("/components/schemas/{name}/properties")).unwrap();
        properties.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!((fields("Result"), fields("Result-contact")), ("message value".to_owned(), "ret".to_owned()));
}

/// What a server says to a request over HTTP/1.1: status, headers in lower case, body.
async fn ask(running: &Running, request: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    let headers: String = headers.lines().map(|line| format!("{line}\r\n")).collect();
    let request = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    patiently(stream.read_to_end(&mut answer)).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), answer[end + 4..].to_vec())
}

#[tokio::test]
async fn pages_are_served() {
    let health = HealthReporter::new();
    let server = Server::builder().add_service(LibraryServer::new(Handler)).health(&health);
    let running = Running::start(server.speak(OpenApi::new().title("Books"))).await;
    // (request, status, what its head says, what its body says)
    let table = [
        ("GET /openapi.json", 200, "content-type: application/json", "\"library.v1.Book\""),
        ("GET /openapi.yaml", 200, "content-type: application/yaml", "library.v1.Book"),
        ("HEAD /openapi.json", 200, "content-length: ", ""),
        ("POST /openapi.json\ncontent-length: 0", 405, "allow: get, head", ""),
        ("GET /swagger-ui", 308, "location: swagger-ui/", ""),
        (
            "GET /swagger-ui/",
            200,
            "content-security-policy: default-src 'none'; script-src 'self';",
            "<title>Books</title>",
        ),
        ("GET /swagger-ui/start.js", 200, "content-type: text/javascript", "url: \"../openapi.json\""),
        ("GET /swagger-ui/swagger-ui.css", 200, "content-type: text/css", ".swagger-ui"),
        ("GET /swagger-ui/swagger-ui-bundle.js", 200, "x-content-type-options: nosniff", "SwaggerUIBundle"),
        ("GET /swagger-ui/swagger-ui-bundle.js\naccept-encoding: gzip", 200, "content-encoding: gzip", ""),
        ("GET /swagger-ui/favicon-32x32.png", 200, "content-type: image/png", "PNG"),
        ("GET /swagger-ui/LICENSE", 200, "content-type: text/plain", "Apache License"),
        ("GET /swagger-ui/none.js", 404, "content-type: text/plain", "nothing here"),
        ("GET /", 200, "content-type: text/html", "<a href=\"swagger-ui/\">Swagger UI</a>"),
        ("GET /", 200, "content-security-policy: default-src 'none'", "data-health=\"library.v1.Library\">SERVING<"),
        ("GET /?script", 200, "content-type: text/javascript", "fetch(\"?news\""),
        ("GET /?news", 200, "content-type: application/json", "\"library.v1.Library\":\"SERVING\""),
        ("HEAD /", 200, "content-type: text/html", ""),
        ("POST /\ncontent-length: 0", 405, "allow: get, head", "GET it"),
        ("DELETE /", 405, "allow: get, head", ""),
        ("OPTIONS /", 204, "allow: get, head", ""),
    ];
    for (request, status, head, body) in table {
        let (said, heads, bytes) = ask(&running, request).await;
        assert_eq!(said, status, "{request}: {heads}");
        assert!(heads.contains(head), "{request}: {heads}");
        assert!(String::from_utf8_lossy(&bytes).contains(body), "{request}");
    }
    // Who has it already is told so.
    for path in ["/openapi.json", "/swagger-ui/", "/swagger-ui/swagger-ui-bundle.js"] {
        let (_, head, _) = ask(&running, &format!("GET {path}")).await;
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let (status, _, body) = ask(&running, &format!("GET {path}\nif-none-match: {tag}")).await;
        assert_eq!((status, body.len()), (304, 0), "{path}");
    }
    // Two codings of one page have two tags.
    let tag = async |headers: &str| {
        let (_, head, _) = ask(&running, &format!("GET /swagger-ui/swagger-ui-bundle.js{headers}")).await;
        assert!(head.contains("vary: accept-encoding"), "{head}");
        head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned()
    };
    let (plain, gzip) = (tag("").await, tag("\naccept-encoding: gzip").await);
    assert_ne!(plain, gzip);
    for (known, status) in [(&gzip, 304), (&plain, 200)] {
        let request = format!("GET /swagger-ui/swagger-ui-bundle.js\naccept-encoding: gzip\nif-none-match: {known}");
        let (said, head, _) = ask(&running, &request).await;
        assert_eq!(said, status, "{head}");
        assert!(head.contains(&format!("etag: {gzip}")), "{head}");
    }
    running.stop().await;
}

#[cfg(feature = "telemetry")]
#[tokio::test]
async fn the_page_counts_calls() {
    let telemetry = seltzer::telemetry::Telemetry::builder().build();
    let server = Server::builder().add_service(LibraryServer::new(Handler)).telemetry(&telemetry);
    let running = Running::start(server).await;
    let client = library::library_client::LibraryClient::new(running.channel().await);
    for _ in 0..2 {
        client.get_book(library::GetBookRequest::default()).await.unwrap_err();
    }
    let expected =
        r#"{"calls":{"library.v1.Library/GetBook":2},"failed":{"library.v1.Library/GetBook":2},"health":{}}"#;
    assert_eq!(String::from_utf8_lossy(&ask(&running, "GET /?news").await.2).trim_end(), expected);
    let page = String::from_utf8(ask(&running, "GET /").await.2).unwrap();
    assert!(page.contains("data-calls=\"library.v1.Library/GetBook\">2</td>"), "{page}");
    running.stop().await;
}
