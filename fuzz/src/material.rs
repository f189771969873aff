//! Keys from elsewhere: what is taken over is a key of the kind that it is said to be, and stays the same one.

use primitives::{KeyPair, PairSpec, PublicKey};
use std::sync::LazyLock;

/// A key pair of each kind that is made quickly.
static OWN: LazyLock<Vec<(PairSpec, KeyPair)>> = LazyLock::new(|| {
    let quick = PairSpec::ALL.into_iter().filter(|spec| !SLOW.contains(spec));
    quick.map(|spec| (spec, KeyPair::generate(spec).unwrap())).collect()
});

const SLOW: [PairSpec; 3] = [PairSpec::Rsa2048, PairSpec::Rsa3072, PairSpec::Rsa4096];

/// The first byte says what kind of key the others are to be.
pub(crate) fn material(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let spec = PairSpec::ALL[usize::from(*first) % PairSpec::ALL.len()];
    if let Ok(pair) = KeyPair::from_pkcs8(spec, bytes) {
        let public = pair.public_key().spki();
        let again = KeyPair::read(spec, &pair.encode().unwrap()).unwrap();
        assert_eq!(again.public_key().spki(), public, "another key once it was written");
        let moved = KeyPair::from_pkcs8(spec, &pair.to_pkcs8().unwrap()).unwrap();
        assert_eq!(moved.public_key().spki(), public, "another key once it was moved");
    }
    let _ = KeyPair::read(spec, bytes);
    if let Ok(public) = PublicKey::from_spki(spec, bytes.to_vec()) {
        assert_eq!(public.spec(), spec);
        let _ = public.encapsulate();
    }
    for (_, own) in OWN.iter().filter(|(own, _)| *own == spec) {
        let _ = own.agree(bytes);
        let _ = own.decapsulate(bytes);
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let tagged = |spec: PairSpec, bytes: &[u8]| {
        let first = PairSpec::ALL.iter().position(|one| *one == spec).unwrap();
        [&[u8::try_from(first).unwrap()], bytes].concat()
    };
    let forms = |(spec, pair): &(PairSpec, KeyPair)| {
        [tagged(*spec, &pair.to_pkcs8().unwrap()), tagged(*spec, pair.public_key().spki())]
    };
    OWN.iter().flat_map(forms).collect()
}
