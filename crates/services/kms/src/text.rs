//! How rows keep values of the model's enums and bytes.

use crate::api::{
    AlgorithmSpec, ConnectionErrorCodeType, GrantOperation, KeyLastUsageTrackingOperation, KeySpec,
    KeyUsageType, OriginType, RotationType, WrappingKeySpec, XksProxyConnectivityType,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A value of one of the model's enums, kept in rows as its text on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<T>(pub(crate) T);

/// An enum of the model.
pub(crate) trait WireEnum: Copy {
    fn text(self) -> &'static str;
    fn of(text: &str) -> Option<Self>;
}

macro_rules! wire_enums {
    ($($type:ty),+) => { $(
        impl WireEnum for $type {
            fn text(self) -> &'static str {
                self.as_str()
            }

            fn of(text: &str) -> Option<Self> {
                Self::from_wire(text)
            }
        }
    )+ };
}

wire_enums!(
    AlgorithmSpec,
    KeyLastUsageTrackingOperation,
    ConnectionErrorCodeType,
    WrappingKeySpec,
    XksProxyConnectivityType,
    GrantOperation,
    KeySpec,
    KeyUsageType,
    OriginType,
    RotationType
);

impl<T: WireEnum> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.text())
    }
}

impl<'de, T: WireEnum> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        T::of(&text).map(Self).ok_or_else(|| D::Error::custom(format!("no such value: `{text}`")))
    }
}

/// Bytes as hexadecimal text.
pub(crate) mod hexadecimal {
    use super::{Deserialize, Deserializer, Error, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
