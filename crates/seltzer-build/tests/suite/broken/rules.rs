//! Schemas that break rules of the language which its compilers leave to others, and names to import.

use crate::broken::Broken;

pub(super) const RULES: &[Broken] = &[
    Broken {
        name: "reserved_name_used",
        schema: r#"syntax = "proto3";
message A {
  reserved "name";
  string name = 1;
}
"#,
        says: "a.proto:4:10: the name of field `name` is reserved",
        hint: "choose another name: this one belonged to something that is gone, and old programs may use it",
    },
    Broken {
        name: "reserved_name_used_in_an_enum",
        schema: r#"syntax = "proto3";
enum E {
  reserved "A";
  A = 0;
}
"#,
        says: "a.proto:4:3: the name of value `A` is reserved",
        hint: "choose another name: this one belonged to something that is gone, and old programs may use it",
    },
    Broken {
        name: "reserved_range_backwards",
        schema: r#"syntax = "proto3";
message A {
  reserved 5 to 2;
}
"#,
        says: "a.proto:3:12: the reserved range `5 to 2` ends before it starts",
        hint: "write `2 to 5`",
    },
    Broken {
        name: "reserved_twice",
        schema: r#"syntax = "proto3";
message A {
  reserved 2 to 5;
  reserved 4;
}
"#,
        says: "a.proto:4:12: number 4 is reserved twice",
        hint: "drop it from one of the ranges",
    },
    Broken {
        name: "reserved_twice_in_a_nested_enum",
        schema: r#"syntax = "proto3";
message A {
  enum E {
    ZERO = 0;
    reserved 2 to 5, 5 to 9;
  }
}
"#,
        says: "a.proto:5:22: number 5 is reserved twice",
        hint: "drop it from one of the ranges",
    },
    Broken {
        name: "extension_number_twice",
        schema: r#"syntax = "proto2";
message A {
  extensions 100 to 200;
}
extend A {
  optional int32 x = 100;
}
message B {
  extend A {
    optional int32 y = 100;
  }
}
"#,
        says: "a.proto:6:18: extension `y` and extension `x` of `A` both have number 100",
        hint: "choose another number for one of them",
    },
    Broken {
        name: "packed_string",
        schema: r#"syntax = "proto3";
message A {
  repeated string a = 1 [packed = true];
}
"#,
        says: "a.proto:3:19: field `a` cannot be packed",
        hint: "only repeated numbers, enums and `bool` can be packed",
    },
    Broken {
        name: "packed_and_not_repeated",
        schema: r#"syntax = "proto3";
message A {
  int32 a = 1 [packed = true];
}
"#,
        says: "a.proto:3:9: field `a` cannot be packed",
        hint: "only repeated numbers, enums and `bool` can be packed",
    },
    Broken {
        name: "json_names_alike",
        schema: r#"syntax = "proto3";
message A {
  int32 x = 1 [json_name = "y"];
  int32 y = 2;
}
"#,
        says: "a.proto:4:9: two fields have the same name in JSON",
        hint: "rename one of them",
    },
    Broken {
        name: "field_called_like_a_oneof",
        schema: r#"syntax = "proto3";
message A {
  oneof x {
    int32 a = 1;
  }
  int32 x = 2;
}
"#,
        says: "a.proto:6:9: name 'A.x' is defined twice",
        hint: "rename one of them",
    },
    Broken {
        name: "unknown_name_in_a_known_package",
        schema: r#"syntax = "proto3";
import "google/type/date.proto";
message A {
  google.type.Datee d = 1;
}
"#,
        says: "a.proto:4:3: name 'google.type.Datee' is not defined",
        hint: "is it misspelt, or is the `import` of its file missing?",
    },
    Broken {
        name: "well_known_type_by_its_last_name",
        schema: r#"syntax = "proto3";
message A {
  Timestamp at = 1;
}
"#,
        says: "a.proto:3:3: name 'Timestamp' is not defined",
        hint: r#"did you mean `google.protobuf.Timestamp`, which needs `import "google/protobuf/timestamp.proto";`?"#,
    },
    Broken {
        name: "common_type_not_imported",
        schema: r#"syntax = "proto3";
message A {
  google.rpc.Status status = 1;
}
"#,
        says: "a.proto:3:3: name 'google.rpc.Status' is not defined",
        hint: r#"add `import "google/rpc/status.proto";`"#,
    },
    Broken {
        name: "option_not_imported",
        schema: r#"syntax = "proto3";
message A {}
service S {
  rpc Get(A) returns (A) {
    option (google.api.http) = { get: "/" };
  }
}
"#,
        says: "a.proto:5:5: name 'google.api.http' is not defined",
        hint: r#"add `import "google/api/annotations.proto";`"#,
    },
    Broken {
        name: "option_with_an_unknown_field",
        schema: r#"syntax = "proto3";
import "google/api/annotations.proto";
message A {}
service S {
  rpc Get(A) returns (A) {
    option (google.api.http) = { gett: "/" };
  }
}
"#,
        says: "a.proto:6:5: invalid value of type 'google.api.HttpRule' for option '(google.api.http)': field 'gett' not found for message 'google.api.HttpRule'",
        hint: "see the definition of the message for its fields",
    },
];
