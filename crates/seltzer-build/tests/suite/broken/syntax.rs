//! Schemas that do not follow the grammar.

use crate::broken::Broken;

pub(super) const SYNTAX: &[Broken] = &[
    Broken {
        name: "unknown_edition",
        schema: r#"edition = "2022";
message A {}
"#,
        says: "a.proto:1:11: edition `2022` is not known",
        hint: r#"editions are "2023" and "2024""#,
    },
    Broken {
        name: "edition_after_a_comment",
        schema: r#"// Copyright
/* edition = "x" */

  edition = "2026";
"#,
        says: "a.proto:4:13: edition `2026` is not known",
        hint: r#"editions are "2023" and "2024""#,
    },
    Broken {
        name: "unknown_syntax",
        schema: r#"syntax = "proto4";
"#,
        says: "a.proto:1:10: unknown syntax 'proto4'",
        hint: r#"write `syntax = "proto3";`, or `syntax = "proto2";`"#,
    },
    Broken {
        name: "garbage",
        schema: r#"hello
"#,
        says: "a.proto:1:1: expected 'enum', 'extend', 'import', 'message', 'option', 'service', 'package' or ';', but found 'hello'",
        hint: "only these stand outside of messages: is a `}` too many above?",
    },
    Broken {
        name: "missing_semicolon",
        schema: r#"syntax = "proto3";
message A {
  string name = 1
  string text = 2;
}
"#,
        says: "a.proto:4:3: expected ';' or '[', but found 'string'",
        hint: "is a `;` missing before this?",
    },
    Broken {
        name: "missing_brace",
        schema: r#"syntax = "proto3";
message A {
  string name = 1;
"#,
        says: "a.proto:3:19: expected a message field, oneof, reserved range, enum, message, option or '}', but reached end of file",
        hint: "is a `}` missing, or one too many?",
    },
    Broken {
        name: "unterminated_string",
        schema: r#"syntax = "proto3";
import "a.proto;
"#,
        says: "a.proto:2:17: unterminated string",
        hint: "a string ends on the line on which it starts",
    },
    Broken {
        name: "unterminated_comment",
        schema: r#"syntax = "proto3";
/* never closed
message A {}
"#,
        says: "a.proto:3:13: expected comment terminator, but reached end of file",
        hint: "close the comment with `*/`",
    },
    Broken {
        name: "bad_character",
        schema: r#"syntax = "proto3";
message A {
  string näme = 1;
}
"#,
        says: "a.proto:3:11: invalid token",
        hint: "names consist of ASCII letters, digits and `_`",
    },
    Broken {
        name: "chinese_before_the_error",
        schema: r#"syntax = "proto3";
/* 数据 */ message A { Missing 数 = 1; }
"#,
        says: "a.proto:2:30: invalid token",
        hint: "names consist of ASCII letters, digits and `_`",
    },
    Broken {
        name: "field_without_number",
        schema: r#"syntax = "proto3";
message A {
  string name;
}
"#,
        says: "a.proto:3:14: expected '=', but found ';'",
        hint: "a field is written `type name = number;`",
    },
    Broken {
        name: "field_number_zero",
        schema: r#"syntax = "proto3";
message A {
  string name = 0;
}
"#,
        says: "a.proto:3:17: message numbers must be between 1 and 536870911",
        hint: "choose a number that no field has, or has had",
    },
    Broken {
        name: "field_number_too_large",
        schema: r#"syntax = "proto3";
message A {
  string name = 536870912;
}
"#,
        says: "a.proto:3:17: message numbers must be between 1 and 536870911",
        hint: "choose a number that no field has, or has had",
    },
    Broken {
        name: "rpc_without_returns",
        schema: r#"syntax = "proto3";
message A {}
service S {
  rpc Get(A);
}
"#,
        says: "a.proto:4:13: expected 'returns', but found ';'",
        hint: "write `rpc Name(Request) returns (Response);`",
    },
    Broken {
        name: "enum_number_too_large",
        schema: r#"syntax = "proto3";
enum E {
  ZERO = 0;
  BIG = 3000000000;
}
"#,
        says: "a.proto:4:9: enum numbers must be between -2147483648 and 2147483647",
        hint: "choose a number of 32 bits",
    },
    Broken {
        name: "map_with_a_message_key",
        schema: r#"syntax = "proto3";
message K {}
message A {
  map<K, string> m = 1;
}
"#,
        says: "a.proto:4:7: a map field key type must be an integer, boolean or string",
        hint: "use an integer, `bool` or `string` as the key",
    },
    Broken {
        name: "map_with_a_float_key",
        schema: r#"syntax = "proto3";
message A {
  map<float, string> m = 1;
}
"#,
        says: "a.proto:3:7: a map field key type must be an integer, boolean or string",
        hint: "use an integer, `bool` or `string` as the key",
    },
    Broken {
        name: "repeated_map",
        schema: r#"syntax = "proto3";
message A {
  repeated map<string, string> m = 1;
}
"#,
        says: "a.proto:3:3: map fields cannot have labels",
        hint: "drop the label: a map has many entries anyway",
    },
    Broken {
        name: "repeated_in_a_oneof",
        schema: r#"syntax = "proto3";
message A {
  oneof kind {
    repeated string names = 1;
  }
}
"#,
        says: "a.proto:4:5: oneof fields cannot have labels",
        hint: "put the list in a message of its own, and that in the oneof",
    },
    Broken {
        name: "empty_oneof",
        schema: r#"syntax = "proto3";
message A {
  oneof kind {}
}
"#,
        says: "a.proto:3:3: a oneof must have at least one field",
        hint: "add a field, or drop the oneof",
    },
    Broken {
        name: "required_in_proto3",
        schema: r#"syntax = "proto3";
message A {
  required string name = 1;
}
"#,
        says: "a.proto:3:3: required fields are not allowed in proto3 syntax",
        hint: "drop `required`: in proto3 every field may be absent",
    },
    Broken {
        name: "default_in_proto3",
        schema: r#"syntax = "proto3";
message A {
  string name = 1 [default = "x"];
}
"#,
        says: "a.proto:3:20: default values are not allowed in proto3",
        hint: "drop the default: an absent field reads as zero or empty",
    },
    Broken {
        name: "group_in_proto3",
        schema: r#"syntax = "proto3";
message A {
  optional group G = 1 {}
}
"#,
        says: "a.proto:3:3: groups are not allowed in proto3 syntax",
        hint: "write a message, and a field of its type",
    },
    Broken {
        name: "no_label_in_proto2",
        schema: r#"syntax = "proto2";
message A {
  string name = 1;
}
"#,
        says: "a.proto:3:3: fields must have a label with proto2 syntax (expected one of 'optional', 'repeated' or 'required')",
        hint: "put `optional` in front of the field",
    },
    Broken {
        name: "default_of_the_wrong_type",
        schema: r#"syntax = "proto2";
message A {
  optional int32 n = 1 [default = "x"];
}
"#,
        says: "a.proto:3:35: expected value to be an integer, but found 'x'",
        hint: "the default must be a value of the field's type",
    },
    Broken {
        name: "package_twice",
        schema: r#"syntax = "proto3";
package a;
package b;
"#,
        says: "a.proto:3:1: multiple package names specified",
        hint: "keep one `package` statement",
    },
    Broken {
        name: "import_with_a_backslash",
        schema: r#"syntax = "proto3";
import "a\\b.proto";
"#,
        says: "a.proto:2:8: invalid import path",
        hint: "imports may not contain backslashes, repeated forward slashes, '.' or '..' components",
    },
];
