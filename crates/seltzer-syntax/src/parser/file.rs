//! What stands at the top of a file.

use std::ops::Range;

use crate::descriptor::{FileDescriptorProto, tag};
use crate::edition::Edition;
use crate::error::SyntaxError;
use crate::parser::{Options, Parser, index};
use crate::token::Kind;

impl Parser<'_> {
    pub(super) fn file(&mut self, file: &mut FileDescriptorProto) -> Result<(), SyntaxError> {
        let root = self.begin(&[], &[]);
        if self.at("syntax") || self.at("edition") {
            self.syntax(file)?;
        }
        let mut options = Options::default();
        while !self.at_end() {
            self.statement(file, &mut options)?;
        }
        file.options = options.into_bytes();
        self.end(&root);
        Ok(())
    }

    fn syntax(&mut self, file: &mut FileDescriptorProto) -> Result<(), SyntaxError> {
        let spot = self.begin(&[], &[tag::file::SYNTAX]);
        let is_edition = self.take("edition");
        if !is_edition {
            self.expect("syntax")?;
        }
        self.expect("=")?;
        let (text, range) = self.string("the syntax in quotes")?;
        let text = String::from_utf8_lossy(&text).into_owned();
        self.edition = match (is_edition, text.as_str()) {
            (false, "proto2") => Edition::Proto2,
            (false, "proto3") => Edition::Proto3,
            (true, "2023") => Edition::Edition2023,
            (true, "2024") => Edition::Edition2024,
            (true, _) => {
                return Err(SyntaxError::new(format!("edition `{text}` is not known"), range)
                    .with_hint("editions are \"2023\" and \"2024\""));
            }
            (false, "editions" | "2023" | "2024") => {
                return Err(SyntaxError::new(format!("`{text}` is no syntax"), range)
                    .with_hint("write `edition = \"2023\";` instead"));
            }
            (false, _) => {
                return Err(SyntaxError::new(format!("`{text}` is no syntax"), range)
                    .with_hint("write \"proto3\" or \"proto2\", or `edition = \"2023\";` instead of a syntax"));
            }
        };
        self.expect_end(";", Some(&spot))?;
        self.end(&spot);
        match self.edition {
            Edition::Proto2 => {}
            Edition::Proto3 => file.syntax = Some("proto3".to_owned()),
            edition => {
                file.syntax = Some("editions".to_owned());
                file.edition = Some(edition.number());
            }
        }
        Ok(())
    }

    fn statement(&mut self, file: &mut FileDescriptorProto, options: &mut Options) -> Result<(), SyntaxError> {
        if self.take_end(";", None) {
            return Ok(());
        }
        let visibility = self.visibility()?;
        match self.token().text {
            "message" => {
                let mut message = self.message(&[tag::file::MESSAGE, index(&file.message_type)])?;
                message.visibility = visibility;
                file.message_type.push(message);
            }
            "enum" => {
                let mut the_enum = self.enumeration(&[tag::file::ENUM, index(&file.enum_type)])?;
                the_enum.visibility = visibility;
                file.enum_type.push(the_enum);
            }
            "service" => file.service.push(self.service(&[tag::file::SERVICE, index(&file.service)])?),
            "extend" => self.extend(
                &[tag::file::EXTENSION],
                &[tag::file::MESSAGE],
                &mut file.extension,
                &mut file.message_type,
            )?,
            "import" => self.import(file)?,
            "package" => self.package(file)?,
            "option" => {
                let spot = self.begin(&[], &[tag::file::OPTIONS]);
                self.option_statement(options, &spot)?;
                self.end(&spot);
            }
            "}" => {
                return Err(self
                    .error("there is nothing to close here")
                    .with_hint("drop this `}`, or look for another that is one too many above"));
            }
            "syntax" | "edition" => {
                return Err(self
                    .error(format!("`{}` stands at the top of a file", self.token().text))
                    .with_hint("move it above everything else, and have only one"));
            }
            _ => return Err(self.expected("a message, an enum, a service, an import, an option or a package")),
        }
        Ok(())
    }

    /// `export` or `local` before a message or an enum: its number in descriptors.
    pub(super) fn visibility(&mut self) -> Result<Option<i32>, SyntaxError> {
        let visibility = match self.token().text {
            "local" => VISIBILITY_LOCAL,
            "export" => VISIBILITY_EXPORT,
            _ => return Ok(None),
        };
        if self.edition < Edition::Edition2024 || self.token().kind != Kind::Identifier {
            return Ok(None);
        }
        if !matches!(self.peek().text, "message" | "enum") {
            return Err(self
                .error(format!("`{}` stands before messages and enums only", self.token().text))
                .with_hint("drop it; a field of a type of this name is written with a dot in front of the type"));
        }
        self.advance();
        Ok(Some(visibility))
    }

    fn import(&mut self, file: &mut FileDescriptorProto) -> Result<(), SyntaxError> {
        if self.peek().text == "option" {
            return self.option_import(file);
        }
        let spot = self.begin(&[], &[tag::file::DEPENDENCY, index(&file.dependency)]);
        self.expect("import")?;
        if self.at("public") {
            self.modifier(&[tag::file::PUBLIC_DEPENDENCY, index(&file.public_dependency)]);
            file.public_dependency.push(index(&file.dependency));
        } else if self.at("weak") {
            if self.edition >= Edition::Edition2024 {
                return Err(self
                    .error("weak imports are gone since edition 2024")
                    .with_hint("write `import option` if only options are needed"));
            }
            self.modifier(&[tag::file::WEAK_DEPENDENCY, index(&file.weak_dependency)]);
            file.weak_dependency.push(index(&file.dependency));
        }
        let (name, range) = self.string("the file in quotes")?;
        if !file.option_dependency.is_empty() {
            return Err(SyntaxError::new("an import must not follow an `import option`", range)
                .with_hint("move it above the first `import option`"));
        }
        file.dependency.push(new_import(&name, range, file)?);
        self.expect_end(";", Some(&spot))?;
        self.end(&spot);
        Ok(())
    }

    fn option_import(&mut self, file: &mut FileDescriptorProto) -> Result<(), SyntaxError> {
        let spot = self.begin(&[], &[tag::file::OPTION_DEPENDENCY, index(&file.option_dependency)]);
        self.expect("import")?;
        if self.edition < Edition::Edition2024 {
            return Err(self
                .error("`import option` came with edition 2024")
                .with_hint("write `import` without `option`, or `edition = \"2024\";`"));
        }
        self.expect("option")?;
        let (name, range) = self.string("the file in quotes")?;
        file.option_dependency.push(new_import(&name, range, file)?);
        self.expect_end(";", Some(&spot))?;
        self.end(&spot);
        Ok(())
    }

    /// A word that has a place of its own.
    pub(super) fn modifier(&mut self, path: &[i32]) {
        let spot = self.begin(path, &[]);
        self.advance();
        self.end(&spot);
    }

    fn package(&mut self, file: &mut FileDescriptorProto) -> Result<(), SyntaxError> {
        if file.package.is_some() {
            return Err(self.error("the file has a package already").with_hint("keep one `package` statement"));
        }
        let spot = self.begin(&[], &[tag::file::PACKAGE]);
        self.expect("package")?;
        let mut package = self.identifier("the name of the package")?;
        while self.take(".") {
            package.push('.');
            package.push_str(&self.identifier("a part of the package's name")?);
        }
        file.package = Some(package);
        self.expect_end(";", Some(&spot))?;
        self.end(&spot);
        Ok(())
    }
}

/// The name of a file that is not imported yet.
fn new_import(name: &[u8], range: Range<usize>, file: &FileDescriptorProto) -> Result<String, SyntaxError> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Err(SyntaxError::new("the name of a file must be UTF-8", range).with_hint("drop the escape"));
    };
    if file.dependency.iter().chain(&file.option_dependency).any(|known| known == name) {
        return Err(SyntaxError::new(format!("`{name}` is imported twice"), range).with_hint("drop one of the two"));
    }
    Ok(name.to_owned())
}

/// `google.protobuf.SymbolVisibility`
const VISIBILITY_LOCAL: i32 = 1;
const VISIBILITY_EXPORT: i32 = 2;
