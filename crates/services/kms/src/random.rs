//! GenerateRandom.

use crate::api::{GenerateRandomRequest, GenerateRandomResponse, ops};
use crate::authorize::access;
use crate::errors::validation;
use crate::recipient::Secret;
use crate::{Kms, quotas, stores};
use platform::{Cx, Fault, Handle};
use wire::Blob;

impl Handle<ops::GenerateRandom> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GenerateRandomRequest,
    ) -> Result<GenerateRandomResponse, Fault> {
        let recipient = self.recipient(cx, input.recipient.as_ref())?;
        let access = access(cx, "kms:GenerateRandom", "*");
        cx.authorize(&match &recipient {
            Some(recipient) => recipient.add_to(access),
            None => access,
        })?;
        quotas::count_random(cx)?;
        let number = input.number_of_bytes.and_then(|number| usize::try_from(number).ok());
        let number = number.ok_or_else(|| validation("NumberOfBytes is required."))?;
        let mut plaintext = Blob(vec![0; number]);
        match &input.custom_key_store_id {
            Some(store) => stores::random(cx, store, &mut plaintext.0)?,
            None => cx.random().fill(&mut plaintext.0),
        }
        let secret = Secret::of(plaintext, recipient.as_ref())?;
        Ok(GenerateRandomResponse {
            plaintext: secret.plaintext,
            ciphertext_for_recipient: secret.for_recipient,
        })
    }
}
