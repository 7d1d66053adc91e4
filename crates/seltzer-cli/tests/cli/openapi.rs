//! `seltzer openapi`, and the pages of `seltzer serve`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::program::{Server, check, run};

const SCHEMA: &str = r#"syntax = "proto3";
package shop;
import "google/api/annotations.proto";
// Sells things.
service Shop {
  // Sells one.
  rpc Sell(Order) returns (Order) {
    option (google.api.http) = { post: "/v1/orders/{id}" body: "*" };
  }
}
message Order { int64 id = 1; }
"#;

/// All of the document of the schema.
const DOCUMENT: &str = r##"openapi: "3.1.0"
info:
  title: The shop
  version: "2.0"
servers:
  - url: "https://shop.example.com"
security:
  - bearer: []
tags:
  - name: shop.Shop
    description: Sells things.
paths:
  "/v1/orders/{id}":
    post:
      tags:
        - shop.Shop
      summary: Sells one
      operationId: shop_Shop_Sell
      parameters:
        - name: id
          in: path
          required: true
          schema:
            type: string
            format: int64
      requestBody:
        content:
          application/json:
            schema:
              $ref: "#/components/schemas/shop.Order"
        required: true
      responses:
        "200":
          description: OK
          content:
            application/json:
              schema:
                $ref: "#/components/schemas/shop.Order"
        default:
          $ref: "#/components/responses/Error"
components:
  schemas:
    google.protobuf.Any:
      title: Any
      type: object
      description: A message of any type: its fields, with its type beside them.
"##;

#[test]
fn documents_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (proto, yaml, none) = ("shop.proto", "shop.yaml", "none.proto");
    let [proto, yaml, none] = [proto, yaml, none].map(|name| folder.path().join(name));
    fs::write(&proto, SCHEMA).unwrap();
    fs::write(&none, "syntax = \"proto3\";\nmessage M {}\n").unwrap();
    let [proto, yaml, none] = [&proto, &yaml, &none].map(|path| path.to_str().unwrap());

    let said = ["--title", "The shop", "--api-version", "2.0", "--server", "https://shop.example.com", "--bearer"];
    let mut arguments = vec!["openapi", proto, "-o", yaml];
    arguments.extend(said);
    check(&run(&arguments), 0, "", "");
    let written = fs::read_to_string(yaml).unwrap();
    let until = |text: &str| text.split("    google.protobuf.Any:").next().unwrap().to_owned();
    assert_eq!(until(&written), until(DOCUMENT));

    let json = run(&["openapi", proto]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["paths"]["/v1/orders/{id}"]["post"]["summary"], "Sells one");
    assert_eq!(json["components"]["securitySchemes"], serde_json::Value::Null);
    assert!(run(&["openapi", proto, "--format", "yaml"]).stdout.starts_with("openapi: "));

    check(&run(&["openapi", none]), 1, "", "there is no service in these schemas");
    check(&run(&["openapi"]), 64, "", "PROTO");
    fs::write(none, SCHEMA.replace("{id}", "{missing}")).unwrap();
    check(&run(&["openapi", none]), 1, "", "missing");
}

/// Answers to a path over HTTP/1.1, as they come.
fn get(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_demo_services_have_pages() {
    let server = Server::start(&[]);
    for (path, words) in [
        ("/", "hello.Greeter"),
        ("/", "data-calls=\"hello.Greeter/SayHello\">0<"),
        ("/openapi.json", "Answers `Hello, ` and the name"),
        ("/openapi.yaml", "hello.HelloRequest"),
        ("/swagger-ui/", "swagger-ui-bundle.js"),
    ] {
        let answer = get(&server, path);
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains(words), "{path}: {answer}");
    }
    let server = Server::start(&["--no-docs"]);
    assert!(get(&server, "/openapi.json").starts_with("HTTP/1.1 404"));
    assert!(!get(&server, "/").contains("data-calls"));
}
