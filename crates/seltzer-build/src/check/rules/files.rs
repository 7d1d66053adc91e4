//! Files: what those for the lite runtime may import and define.

use prost_types::FileDescriptorProto;

use crate::check::Place;
use crate::check::rules::{FILE_DEPENDENCY, FILE_SERVICE, Findings, NAME, is_lite};

pub(super) fn check(file: &FileDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let options = file.options.clone().unwrap_or_default();
    if is_lite(file) {
        if !file.service.is_empty() && (options.cc_generic_services() || options.java_generic_services()) {
            let message = "a file for the lite runtime cannot have generic services";
            let hint = "drop `cc_generic_services` and `java_generic_services`, or `optimize_for = LITE_RUNTIME`";
            findings.report(place, &[FILE_SERVICE, 0, NAME], message, hint);
        }
        return;
    }
    for (index, dependency) in (0..).zip(&file.dependency) {
        let imported = place.schemas.pool().get_file_by_name(dependency);
        if imported.is_some_and(|imported| is_lite(imported.file_descriptor_proto())) {
            let message = format!("`{dependency}` is for the lite runtime, and this file is not");
            let hint = "write `option optimize_for = LITE_RUNTIME;` here as well, or drop it there";
            findings.report(place, &[FILE_DEPENDENCY, index], message, hint);
        }
    }
}
