//! Schemas that are right, and have no Rust of their own: names that become one.

use crate::broken::Broken;

pub(super) const NAMES: &[Broken] = &[
    Broken {
        name: "enum_values_alike_without_prefix",
        schema: r#"syntax = "proto3";
enum Color {
  COLOR_RedHot = 0;
  RED_HOT = 1;
}
"#,
        says: "a.proto:4:3: enum value `COLOR_RedHot` and enum value `RED_HOT` are both `RedHot` in Rust",
        hint: "rename one of them, or keep the enum's name in front of both with `.retain_enum_prefix()`",
    },
    Broken {
        name: "enum_values_alike_in_any_case",
        schema: r#"syntax = "proto3";
enum E {
  FOO_BAR = 0;
  FooBar = 1;
}
"#,
        says: "a.proto:4:3: enum value `FOO_BAR` and enum value `FooBar` are both `FooBar` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "messages_alike",
        schema: r#"syntax = "proto3";
message FooBar {}
message Foo_Bar {}
"#,
        says: "a.proto:3:9: message `FooBar` and message `Foo_Bar` are both `FooBar` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "message_and_enum_alike",
        schema: r#"syntax = "proto3";
message Kind {}
enum KIND { ZERO = 0; }
"#,
        says: "a.proto:3:6: message `Kind` and enum `KIND` are both `Kind` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "fields_alike",
        schema: r#"syntax = "proto2";
message A {
  optional string foo_bar = 1;
  optional string fooBar = 2;
}
"#,
        says: "a.proto:4:19: two fields have the same name in JSON",
        hint: "rename one of them",
    },
    Broken {
        name: "fields_alike_in_proto3",
        schema: r#"syntax = "proto3";
message A {
  string foo_bar = 1;
  string fooBar = 2;
}
"#,
        says: "a.proto:4:10: fields `foo_bar` and `fooBar` have the same name in JSON",
        hint: "rename one of them",
    },
    Broken {
        name: "field_and_oneof_alike",
        schema: r#"syntax = "proto3";
message A {
  string Kind = 1;
  oneof kind {
    string a = 2;
  }
}
"#,
        says: "a.proto:4:9: field `Kind` and oneof `kind` are both `kind` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "oneof_variants_alike",
        schema: r#"syntax = "proto2";
message A {
  oneof kind {
    string foo_bar = 1;
    string foo__bar = 2;
  }
}
"#,
        says: "a.proto:5:12: two fields have the same name in JSON",
        hint: "rename one of them",
    },
    Broken {
        name: "oneofs_alike",
        schema: r#"syntax = "proto3";
message A {
  oneof my_kind { string a = 1; }
  oneof MyKind { string b = 2; }
}
"#,
        says: "a.proto:4:9: oneof `my_kind` and oneof `MyKind` are both `my_kind` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "getter_and_setter_alike",
        schema: r#"syntax = "proto3";
enum E { ZERO = 0; }
message A {
  E kind = 1;
  optional int32 set_kind = 2;
}
"#,
        says: "a.proto:5:18: the method for field `kind` and the method for field `set_kind` are both `set_kind` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "nested_modules_alike",
        schema: r#"syntax = "proto3";
message FooBar { message A {} }
message foo_bar { message B {} }
"#,
        says: "a.proto:3:9: message `FooBar` and message `foo_bar` are both `FooBar` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "message_like_a_server_module",
        schema: r#"syntax = "proto3";
message GreeterServer { message Options {} }
service Greeter {}
"#,
        says: "a.proto:3:9: the module of the types in message `GreeterServer` and the server of service `Greeter` are both `greeter_server` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "services_alike",
        schema: r#"syntax = "proto3";
service Foo {}
service foo {}
"#,
        says: "a.proto:3:9: service `Foo` and service `foo` are both `foo_descriptor` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "rpcs_alike",
        schema: r#"syntax = "proto3";
message A {}
service S {
  rpc GetFoo(A) returns (A);
  rpc get_foo(A) returns (A);
}
"#,
        says: "a.proto:5:7: rpc `GetFoo` and rpc `get_foo` are both `get_foo` in Rust",
        hint: "rename one of them",
    },
    Broken {
        name: "message_without_letters",
        schema: r#"syntax = "proto3";
message _ {}
"#,
        says: "a.proto:2:9: message `_` has no name in Rust",
        hint: "use a name with a letter or a digit in it",
    },
    Broken {
        name: "field_without_letters",
        schema: r#"syntax = "proto3";
message A {
  string __ = 1;
}
"#,
        says: "a.proto:3:10: field `__` has no name in Rust",
        hint: "use a name with a letter or a digit in it",
    },
    Broken {
        name: "package_without_letters",
        schema: r#"syntax = "proto3";
package a._;
"#,
        says: "a.proto:2:1: package part `_` has no name in Rust",
        hint: "use a name with a letter or a digit in it",
    },
    Broken {
        name: "messages_alike_in_two_files",
        schema: r#"syntax = "proto3";
package p;
import "b.proto";
message FooBar {}
=== b.proto
syntax = "proto3";
package p;
message fooBar {}
"#,
        says: "a.proto:4:9: message `fooBar` and message `FooBar` are both `FooBar` in Rust",
        hint: "rename one of them",
    },
];
