//! What a proxy encrypted, as one piece: what KMS keeps within its own ciphertext.
//!
//! ```text
//! version (1) ‖ 0 or 1 (1) ‖ length (1) ‖ ciphertext metadata ‖ length (1) ‖ initialization vector ‖ tag (16) ‖ ciphertext
//! ```

const VERSION: u8 = 1;

/// The longest ciphertext metadata, in bytes ("Encrypt").
const METADATA_BYTES_MAX: usize = 20;

/// The lengths that an initialization vector can have ("Encrypt").
const VECTOR_BYTES: [usize; 2] = [12, 16];

/// What a proxy encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// A proxy's own notes. None and empty ones are two.
    pub(crate) metadata: Option<Vec<u8>>,
    pub(crate) vector: Vec<u8>,
    pub(crate) tag: [u8; 16],
    pub(crate) ciphertext: Vec<u8>,
}

impl Parts {
    /// Whether all parts have possible lengths.
    pub(crate) fn fits(&self) -> bool {
        let metadata = self.metadata.as_ref().map_or(0, Vec::len);
        metadata <= METADATA_BYTES_MAX && VECTOR_BYTES.contains(&self.vector.len())
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let metadata = self.metadata.as_deref().unwrap_or_default();
        // Those of parts that fit do.
        let length = |part: &[u8]| u8::try_from(part.len()).unwrap_or(u8::MAX);
        let mut out = vec![VERSION, self.metadata.is_some().into(), length(metadata)];
        out.extend_from_slice(metadata);
        out.push(length(&self.vector));
        for part in [self.vector.as_slice(), &self.tag, &self.ciphertext] {
            out.extend_from_slice(part);
        }
        out
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (&[version, has_metadata, length], rest) = bytes.split_first_chunk()?;
        let (metadata, rest) = rest.split_at_checked(length.into())?;
        let (&[length], rest) = rest.split_first_chunk()?;
        let (vector, rest) = rest.split_at_checked(length.into())?;
        let (tag, ciphertext) = rest.split_first_chunk()?;
        let parts = Self {
            metadata: (has_metadata == 1).then(|| metadata.to_vec()),
            vector: vector.to_vec(),
            tag: *tag,
            ciphertext: ciphertext.to_vec(),
        };
        // One form alone, so that no second ciphertext means the same.
        (version == VERSION && parts.fits() && parts.write() == bytes).then_some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts() -> impl Strategy<Value = Parts> {
        let bytes = |length| proptest::collection::vec(any::<u8>(), length);
        (proptest::option::of(bytes(0..=20)), any::<bool>(), bytes(16..=16), any::<[u8; 16]>(), bytes(0..=50))
            .prop_map(|(metadata, short, mut vector, tag, ciphertext)| {
                vector.truncate(if short { 12 } else { 16 });
                Parts { metadata, vector, tag, ciphertext }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(parts in parts()) {
            prop_assert_eq!(Parts::read(&parts.write()), Some(parts));
        }

        #[test]
        fn there_is_one_form(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(parts) = Parts::read(&bytes) {
                prop_assert_eq!(parts.write(), bytes);
            }
        }
    }
}
