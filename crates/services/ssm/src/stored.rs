//! How rows keep values of the model's enums: as their text on the wire.

use crate::api::{ParameterTier, ParameterType};
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

/// An enum of the model that rows have.
pub(crate) trait Stored: Copy {
    fn text(self) -> &'static str;
    fn of(text: &str) -> Option<Self>;
}

macro_rules! stored {
    ($($type:ty),+) => { $(
        impl Stored for $type {
            fn text(self) -> &'static str {
                self.as_str()
            }

            fn of(text: &str) -> Option<Self> {
                Self::from_wire(text)
            }
        }
    )+ };
}

stored!(ParameterTier, ParameterType);

pub(crate) fn serialize<T: Stored, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(value.text())
}

pub(crate) fn deserialize<'de, T: Stored, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    T::of(&text).ok_or_else(|| D::Error::custom("no such value"))
}
