//! Words in stored files that are enums here.
//!
//! A word that this version does not know stays as it was read: a newer version may have written it, and a report shows it.

/// Makes an enum be stored as one of these words. Beside their variants it has `Other(String)` for a word that is none of them; the
/// default is the empty word, which stands for a field that is left out or that cannot be read.
///
/// The enum itself says `#[serde(from = "String", into = "String")]`.
macro_rules! stored_words {
    ($name:ident { $($variant:ident => $word:literal,)+ }) => {
        impl $name {
            /// The word, as it is stored.
            pub(crate) fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)+
                    _ => Self::Other(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(stored: $name) -> Self {
                stored.as_str().to_owned()
            }
        }
    };
}

pub(super) use stored_words;

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(from = "String", into = "String")]
    enum Colour {
        Red,
        DarkBlue,
        Other(String),
    }

    stored_words! {
        Colour {
            Red => "red",
            DarkBlue => "dark_blue",
        }
    }

    #[test]
    fn each_word_is_read_and_written_as_it_is() {
        let words = [
            ("red", Colour::Red),
            ("dark_blue", Colour::DarkBlue),
            ("infrared", Colour::Other("infrared".into())),
            ("", Colour::default()),
        ];
        for (word, colour) in words {
            assert_eq!(serde_json::from_value::<Colour>(json!(word)).unwrap(), colour);
            assert_eq!(serde_json::to_value(&colour).unwrap(), json!(word));
            let packed = rmp_serde::to_vec_named(&colour).unwrap();
            assert_eq!(packed, rmp_serde::to_vec_named(word).unwrap(), "journals have the same bytes");
            assert_eq!(rmp_serde::from_slice::<Colour>(&packed).unwrap(), colour);
        }
    }

    #[test]
    fn what_is_no_word_is_not_read() {
        assert!(serde_json::from_value::<Colour>(json!(7)).is_err());
    }
}
