//! Which protoc this stands in for.

use seltzer_build::protoc::CompilerVersion;

/// What `--version` says, in protoc's words: build systems read the number.
pub(crate) const LINE: &str = "libprotoc 35.1";

/// What plugins are told: protoc puts its C++ runtime's major version in front.
pub(crate) const PLUGIN: CompilerVersion = CompilerVersion { major: 7, minor: 35, patch: 1 };
