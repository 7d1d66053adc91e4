//! Schemas that follow the grammar and make no sense.

use crate::broken::Broken;

pub(super) const MEANING: &[Broken] = &[
    Broken {
        name: "unknown_type_after_chinese",
        schema: r#"syntax = "proto3";
message A { /* 数据 */ Missing data = 1; }
"#,
        says: "a.proto:2:22: name 'Missing' is not defined",
        hint: "is it misspelt, or is the `import` of its file missing?",
    },
    Broken {
        name: "field_number_of_protobuf_itself",
        schema: r#"syntax = "proto3";
message A {
  string name = 19000;
}
"#,
        says: "a.proto:3:17: invalid field number '19000'",
        hint: "field numbers 19000 to 19999 are reserved",
    },
    Broken {
        name: "field_number_twice",
        schema: r#"syntax = "proto3";
message A {
  string name = 1;
  string text = 1;
}
"#,
        says: "a.proto:4:17: field number '1' is already used",
        hint: "choose a number that no field has, or has had",
    },
    Broken {
        name: "field_name_twice",
        schema: r#"syntax = "proto3";
message A {
  string name = 1;
  int32 name = 2;
}
"#,
        says: "a.proto:4:9: field `name` is defined twice",
        hint: "rename one of them",
    },
    Broken {
        name: "message_twice",
        schema: r#"syntax = "proto3";
message A {}
message A {}
"#,
        says: "a.proto:3:9: name 'A' is defined twice",
        hint: "rename one of them",
    },
    Broken {
        name: "service_called_like_a_message",
        schema: r#"syntax = "proto3";
message A {}
service A {}
"#,
        says: "a.proto:3:9: name 'A' is defined twice",
        hint: "rename one of them",
    },
    Broken {
        name: "unknown_field_type",
        schema: r#"syntax = "proto3";
message A {
  Strin name = 1;
}
"#,
        says: "a.proto:3:3: name 'Strin' is not defined",
        hint: "did you mean `string`?",
    },
    Broken {
        name: "unknown_request_type",
        schema: r#"syntax = "proto3";
message A {}
service S {
  rpc Get(B) returns (A);
}
"#,
        says: "a.proto:4:11: name 'B' is not defined",
        hint: "is it misspelt, or is the `import` of its file missing?",
    },
    Broken {
        name: "request_is_an_enum",
        schema: r#"syntax = "proto3";
enum E { ZERO = 0; }
message A {}
service S {
  rpc Get(E) returns (A);
}
"#,
        says: "a.proto:5:11: 'E' is not a message type",
        hint: "name a message here",
    },
    Broken {
        name: "rpc_twice",
        schema: r#"syntax = "proto3";
message A {}
service S {
  rpc Get(A) returns (A);
  rpc Get(A) returns (stream A);
}
"#,
        says: "a.proto:5:7: name 'S.Get' is defined twice",
        hint: "rename one of them",
    },
    Broken {
        name: "enum_without_values",
        schema: r#"syntax = "proto3";
enum E {}
"#,
        says: "a.proto:2:1: enums must have at least one value",
        hint: "add a value such as `UNSPECIFIED = 0;`",
    },
    Broken {
        name: "enum_that_does_not_start_at_zero",
        schema: r#"syntax = "proto3";
enum E {
  ONE = 1;
}
"#,
        says: "a.proto:3:9: the first value for proto3 enums must be 0",
        hint: "add a first value such as `UNSPECIFIED = 0;`: it stands for an absent field",
    },
    Broken {
        name: "enum_number_twice",
        schema: r#"syntax = "proto3";
enum E {
  ZERO = 0;
  NIL = 0;
}
"#,
        says: "a.proto:4:9: enum number '0' has already been used",
        hint: "if both names are meant, write `option allow_alias = true;` in the enum",
    },
    Broken {
        name: "enum_value_twice_in_a_package",
        schema: r#"syntax = "proto3";
enum E { UNKNOWN = 0; }
enum F { UNKNOWN = 0; }
"#,
        says: "a.proto:3:10: name 'UNKNOWN' is defined twice",
        hint: "values of an enum are names of the scope around it: put the enum's name in front of each",
    },
    Broken {
        name: "reserved_number_used",
        schema: r#"syntax = "proto3";
message A {
  reserved 2 to 4;
  string name = 3;
}
"#,
        says: "a.proto:4:17: field number '3' conflicts with reserved range '2 to 4'",
        hint: "choose a number that no field has, or has had",
    },
    Broken {
        name: "extension_range_used",
        schema: r#"syntax = "proto2";
message A {
  extensions 100 to 200;
  optional string name = 150;
}
"#,
        says: "a.proto:4:26: field number '150' conflicts with extension range '100 to 200'",
        hint: "choose a number that no field has, or has had",
    },
    Broken {
        name: "default_that_is_no_enum_value",
        schema: r#"syntax = "proto2";
enum E { A = 0; }
message M {
  optional E e = 1 [default = B];
}
"#,
        says: "a.proto:4:31: invalid default value 'B' for type 'E'",
        hint: "write a value of the field's type; that of an enum is one of its names",
    },
    Broken {
        name: "unknown_option",
        schema: r#"syntax = "proto3";
option java_pakage = "x";
"#,
        says: "a.proto:2:1: option field 'java_pakage' is not defined",
        hint: "is it misspelt? Options of your own are written in parentheses",
    },
    Broken {
        name: "unknown_custom_option",
        schema: r#"syntax = "proto3";
message A {
  string name = 1 [(my.option) = 1];
}
"#,
        says: "a.proto:3:20: name 'my.option' is not defined",
        hint: "is it misspelt, or is the `import` of its file missing?",
    },
    Broken {
        name: "option_of_the_wrong_type",
        schema: r#"syntax = "proto3";
option java_multiple_files = 1;
"#,
        says: "a.proto:2:1: expected a value of type 'bool' for option 'java_multiple_files', but found '1'",
        hint: "write `true` or `false`, without quotes",
    },
    Broken {
        name: "option_twice",
        schema: r#"syntax = "proto3";
option java_package = "a";
option java_package = "b";
"#,
        says: "a.proto:3:1: option field 'java_package' has already been set",
        hint: "drop one of the two",
    },
    Broken {
        name: "import_not_found",
        schema: r#"syntax = "proto3";
import "missing.proto";
"#,
        says: "a.proto:2:8: import `missing.proto` is not found",
        hint: "searched `DIR` and the built-in schemas",
    },
    Broken {
        name: "import_twice",
        schema: r#"syntax = "proto3";
import "google/protobuf/empty.proto";
import "google/protobuf/empty.proto";
"#,
        says: "a.proto:3:1: import 'google/protobuf/empty.proto' was listed twice",
        hint: "drop one of the two",
    },
    Broken {
        name: "type_not_imported",
        schema: r#"syntax = "proto3";
message A {
  google.protobuf.Timestamp at = 1;
}
"#,
        says: "a.proto:3:3: name 'google.protobuf.Timestamp' is not defined",
        hint: r#"add `import "google/protobuf/timestamp.proto";`"#,
    },
    Broken {
        name: "import_of_itself",
        schema: r#"syntax = "proto3";
import "a.proto";
"#,
        says: "a.proto:2:8: files import each other in a circle: a.proto -> a.proto",
        hint: "move what both need into a file of its own, and import that one",
    },
    Broken {
        name: "import_circle",
        schema: r#"syntax = "proto3";
import "b.proto";
=== b.proto
syntax = "proto3";
// says
import "c.proto";
=== c.proto
syntax = "proto3";
import "a.proto";
"#,
        says: "c.proto:2:8: files import each other in a circle: a.proto -> b.proto -> c.proto -> a.proto",
        hint: "move what both need into a file of its own, and import that one",
    },
    Broken {
        name: "error_in_an_import",
        schema: r#"syntax = "proto3";
import "sub/b.proto";
=== sub/b.proto
syntax = "proto3";
message B {
  int33 n = 1;
}
"#,
        says: "sub/b.proto:3:3: name 'int33' is not defined",
        hint: "did you mean `int32`?",
    },
    Broken {
        name: "edition_in_an_import",
        schema: r#"syntax = "proto3";
import "b.proto";
=== b.proto
edition = "2023";
message A { optional int32 a = 1; }
"#,
        says: "b.proto:2:13: editions have no `optional`",
        hint: "drop it: a field has presence unless `features.field_presence` says otherwise",
    },
    Broken {
        name: "import_next_to_the_importer",
        schema: r#"syntax = "proto3";
import "sub/b.proto";
=== sub/b.proto
syntax = "proto3";
import "c.proto";
=== sub/c.proto
syntax = "proto3";
"#,
        says: "sub/b.proto:2:8: import `c.proto` is not found",
        hint: "searched `DIR` and the built-in schemas; did you mean `sub/c.proto`?",
    },
    Broken {
        name: "same_name_in_two_files",
        schema: r#"syntax = "proto3";
import "b.proto";
message A {}
=== b.proto
syntax = "proto3";
message A {}
"#,
        says: "a.proto:3:9: name 'A' is already defined in file 'b.proto'",
        hint: "rename one of them",
    },
    Broken {
        name: "extension_without_a_type",
        schema: r#"syntax = "proto2";
extend Missing {
  optional string name = 100;
}
"#,
        says: "a.proto:2:8: name 'Missing' is not defined",
        hint: "is it misspelt, or is the `import` of its file missing?",
    },
    Broken {
        name: "extension_number_outside",
        schema: r#"syntax = "proto2";
message A { extensions 100 to 200; }
extend A {
  optional string name = 300;
}
"#,
        says: "a.proto:4:26: message 'A' does not define '300' as an extension number",
        hint: "use a number from the message's `extensions` ranges",
    },
];
