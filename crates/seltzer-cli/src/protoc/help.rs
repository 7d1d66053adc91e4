//! What `--help` and `--notices` say.

/// The page of `--help`.
pub(crate) fn page(program: &str) -> String {
    format!(
        "\
Usage: {program} [OPTION]... PROTO_FILE...

Compiles .proto files to descriptor sets, and runs the plugins that generate code from them. Takes the
options of protoc 35.1; google/api, google/rpc, google/type, the well-known types and gRPC's own schemas
are built in, and a file of the same name under a --proto_path goes first.

Schemas:
  -IPATH, --proto_path=PATH    Look up imports in PATH: a directory, VIRTUAL=DIRECTORY, VIRTUAL=FILE, or a
                               list of these separated by `{separator}`. May be repeated; searched in order.
                               [default: the working directory]
  --descriptor_set_in=FILES    Take schemas from descriptor sets, a list separated by `{separator}`
  @FILE                        Read arguments from FILE, a line each

Descriptor sets:
  -oFILE,
  --descriptor_set_out=FILE    Write a google.protobuf.FileDescriptorSet
  --include_imports            Put imported files into the set as well
  --include_source_info        Keep comments and positions
  --retain_options             Keep options that are for the compiler's own use
  --dependency_out=FILE        Write a rule for make with all files that were read

Plugins:
  --NAME_out=[PARAMETER:]DIR   Run protoc-gen-NAME and write what it generates to DIR, or to a .zip or
                               .jar file. Any NAME; generators built into protoc itself (cpp, csharp,
                               java, kotlin, objc, php, pyi, python, ruby, rust) are not in this program
  --NAME_opt=PARAMETER         Add a parameter for protoc-gen-NAME
  --plugin=[NAME=]PATH         Where to find a plugin that is not in PATH
  --unsafe_allow_out_dir_escape
                               Allow plugins to write outside of DIR
  --enable_codegen_trace       Has no effect: it is for generators that are built into protoc

Messages:
  --encode=TYPE                Read a message as text from standard input, write its bytes
  --decode=TYPE                Read the bytes of a message from standard input, write it as text
  --decode_raw                 The same without a type and without PROTO_FILEs
  --deterministic_output       Has no effect: --encode always writes maps in the order of their keys
  --print_free_field_numbers   Print the numbers that new fields of each message may have

Diagnostics:
  --error_format=gcc|msvs      Print one line an error, as gcc or Visual Studio does
                               [default: as gcc, with the place quoted below]
  --fatal_warnings             Fail if there are warnings
  --direct_dependencies=FILES  Fail if a PROTO_FILE imports anything else
  --direct_dependencies_violation_msg=TEXT
                               What to say then; %s is the import
  --option_dependencies=FILES  Has no effect: it is about `import option` of edition 2024

  --version                    Print the version of protoc that this program takes the place of
  --notices                    Print the licence
  -h, --help                   Print this

Exit status: 0, or 1 if anything went wrong.

Examples:
  {program} -Iproto -o hello.bin --include_imports proto/hello.proto
  {program} -Iproto --go_out=out --go_opt=paths=source_relative proto/hello.proto
  echo 'name: \"Ann\"' | {program} -Iproto --encode=hello.Request proto/hello.proto
  PROTOC=seltzer-protoc cargo build
",
        separator = if cfg!(windows) { ';' } else { ':' },
    )
}

/// The page of `--notices`.
pub(crate) const NOTICES: &str = "\
Seltzer is licensed under either of the Apache License, Version 2.0, or the MIT license, at your option.
It contains no code of protoc. `cargo tree -p seltzer-cli --format '{p} {l}'` lists what it is built from,
each with its licence.
";
