//! GenerateRandom.

use crate::api::{GenerateRandomRequest, GenerateRandomResponse, ops};
use crate::errors::{no_recipients, validation};
use crate::{Kms, stores};
use platform::{Access, Cx, Fault, Handle};
use wire::Blob;

impl Handle<ops::GenerateRandom> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GenerateRandomRequest,
    ) -> Result<GenerateRandomResponse, Fault> {
        cx.authorize(&Access::to("kms:GenerateRandom", "*").key("kms:CallerAccount", cx.account()))?;
        if input.recipient.is_some() {
            return Err(no_recipients());
        }
        let number = input.number_of_bytes.and_then(|number| usize::try_from(number).ok());
        let number = number.ok_or_else(|| validation("NumberOfBytes is required."))?;
        let mut plaintext = Blob(vec![0; number]);
        match &input.custom_key_store_id {
            Some(store) => stores::random(cx, store, &mut plaintext.0)?,
            None => cx.random().fill(&mut plaintext.0),
        }
        Ok(GenerateRandomResponse { plaintext: Some(plaintext), ciphertext_for_recipient: None })
    }
}
