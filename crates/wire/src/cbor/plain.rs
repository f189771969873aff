//! CBOR that no schema describes, such as COSE: item by item, as the reader of it expects them.

use std::borrow::Cow;

use super::{
    CborReader, major,
    reader::{integer, wrong},
};
use crate::{container::Syntax, field::Malformed};

impl<'a> CborReader<'a> {
    /// Takes a tag, if this is the one that comes next.
    ///
    /// # Errors
    /// If no item comes next.
    pub fn take_tag(&mut self, tag: u64) -> Result<bool, Malformed> {
        let head = self.peek()?;
        let found = head.major == major::TAG && head.argument == tag;
        if found {
            self.head()?;
        }
        Ok(found)
    }

    /// Takes `null` or `undefined`, if one comes next.
    ///
    /// # Errors
    /// Never; the form is that of the others.
    pub fn take_null(&mut self) -> Result<bool, Malformed> {
        self.null()
    }

    /// Takes an integer.
    ///
    /// # Errors
    /// If something else comes next, or a number beyond 64 bits with their sign.
    pub fn take_integer(&mut self) -> Result<i64, Malformed> {
        let head = self.head()?;
        integer(head).ok_or_else(|| wrong(head, "an integer"))
    }

    /// Takes a string of bytes.
    ///
    /// # Errors
    /// If something else comes next.
    pub fn take_bytes(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        let head = self.head()?;
        if head.major != major::BYTES {
            return Err(wrong(head, "a string of bytes"));
        }
        self.string(head)
    }

    /// Takes text.
    ///
    /// # Errors
    /// If something else comes next.
    pub fn take_text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.text_of("text")
    }

    /// Takes an array, each of whose items `item` has to take.
    ///
    /// # Errors
    /// If something else comes next, or what `item` answers.
    pub fn take_array<E: From<Malformed>>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut progress = self.open_list("an array")?;
        while self.next(&mut progress)? {
            item(self)?;
        }
        Ok(())
    }

    /// Takes a map, each of whose entries, the key and then the value, `entry` has to take.
    ///
    /// # Errors
    /// If something else comes next, or what `entry` answers.
    pub fn take_map<E: From<Malformed>>(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut progress = self.open_object("a map")?;
        while self.next(&mut progress)? {
            entry(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8949, appendix A: `[1, [2, 3], [4, 5]]`, once with a length and once without.
    #[test]
    fn arrays_with_and_without_length() {
        for text in ["8301820203820405", "9f018202039f0405ffff"] {
            let bytes = hex::decode(text).unwrap();
            let mut reader = CborReader::new(&bytes);
            let mut seen = Vec::new();
            let read = reader.take_array(|reader| {
                if seen.is_empty() {
                    seen.push(reader.take_integer()?);
                    return Ok(());
                }
                reader.take_array::<Malformed>(|reader| {
                    seen.push(reader.take_integer()?);
                    Ok(())
                })
            });
            read.unwrap();
            assert_eq!(seen, [1, 2, 3, 4, 5]);
            reader.finish().unwrap();
        }
    }

    #[test]
    fn tags_strings_and_maps() {
        // 18({-1: h'0102', 2: "a", 3: null})
        let bytes = hex::decode("d2a32042010202616103f6").unwrap();
        let mut reader = CborReader::new(&bytes);
        assert!(!reader.take_tag(17).unwrap());
        assert!(reader.take_tag(18).unwrap());
        let mut seen = Vec::new();
        let read = reader.take_map::<Malformed>(|reader| {
            let key = reader.take_integer()?;
            seen.push(match key {
                -1 => format!("{:?}", reader.take_bytes()?),
                2 => format!("{:?}", reader.take_text()?),
                _ => reader.take_null()?.to_string(),
            });
            Ok(())
        });
        read.unwrap();
        assert_eq!(seen, ["[1, 2]", "\"a\"", "true"]);
        reader.finish().unwrap();
    }

    #[test]
    fn other_items_than_expected() {
        type Read = fn(&mut CborReader<'_>) -> Result<(), Malformed>;
        let reads: [Read; 4] = [
            |reader| reader.take_integer().map(drop),
            |reader| reader.take_bytes().map(drop),
            |reader| reader.take_array(|_| Ok(())),
            |reader| reader.take_map(|_| Ok(())),
        ];
        for read in reads {
            // Text, nothing, and an array that ends early.
            for text in ["6161", "", "9b7fffffffffffffff"] {
                let bytes = hex::decode(text).unwrap();
                assert!(read(&mut CborReader::new(&bytes)).is_err(), "{text}");
            }
        }
    }
}
