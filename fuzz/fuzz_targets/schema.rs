//! Texts as schemas: what is refused is refused at a place in the text and with a hint, what is not has places for
//! everything, and survives the disguise and the lowering, as far as they go without names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seltzer_syntax::descriptor::FileDescriptorSet;

fuzz_target!(|text: &str| {
    let file = match seltzer_syntax::parse("a.proto", text) {
        Ok(file) => file,
        Err(error) => {
            assert!(text.get(error.range()).is_some(), "{error:?}");
            assert!(error.hint().is_some(), "{error:?}");
            let _ = error.position(text);
            return;
        }
    };
    let disguised = seltzer_syntax::disguise(&file, text);
    let restored = seltzer_syntax::undisguise(disguised, &file);
    assert_eq!(restored, file);
    let set = FileDescriptorSet { file: vec![file] };
    let _ = seltzer_syntax::check(&set);
    let _ = seltzer_syntax::lower(&set);
});
