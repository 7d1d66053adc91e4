fn main() -> Result<(), seltzer_build::Error> {
    seltzer_build::compile_protos(&["proto/hello.proto"], &["proto"])
}
