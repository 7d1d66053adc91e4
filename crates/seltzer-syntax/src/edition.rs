//! The editions of the language, proto2 and proto3 among them.

use std::fmt;

/// What decides on the defaults of a file. Later editions are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edition {
    /// `syntax = "proto2"`, or neither syntax nor edition.
    Proto2,
    /// `syntax = "proto3"`
    Proto3,
    /// `edition = "2023"`
    Edition2023,
    /// `edition = "2024"`
    Edition2024,
}

impl Edition {
    /// The number that descriptors have for it.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Edition::Proto2 => 998,
            Edition::Proto3 => 999,
            Edition::Edition2023 => 1000,
            Edition::Edition2024 => 1001,
        }
    }

    /// Whether it is written with `edition`.
    #[must_use]
    pub fn has_features(self) -> bool {
        self >= Edition::Edition2023
    }

    /// The edition of a descriptor, from its fields `syntax` and `edition`.
    #[must_use]
    pub fn of(syntax: &str, edition: i32) -> Option<Edition> {
        match syntax {
            "" | "proto2" => Some(Edition::Proto2),
            "proto3" => Some(Edition::Proto3),
            "editions" => {
                [Edition::Edition2023, Edition::Edition2024].into_iter().find(|known| known.number() == edition)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Edition::Proto2 => "proto2",
            Edition::Proto3 => "proto3",
            Edition::Edition2023 => "2023",
            Edition::Edition2024 => "2024",
        })
    }
}
