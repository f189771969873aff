//! The little that has to be known of a program's file (System V ABI, "Object Files").

use crate::run::Failure;

/// The type of a program header that names what loads the program: `PT_INTERP`.
const INTERPRETER: u32 = 3;

/// Whether a 64-bit little-endian program is loaded by another, which finds its libraries.
pub(crate) fn has_interpreter(program: &[u8]) -> Result<bool, Failure> {
    if !program.starts_with(b"\x7fELF\x02\x01") {
        return Err("it is no 64-bit little-endian program".into());
    }
    let number = |at: usize, bytes: usize| -> Result<usize, Failure> {
        let field = program.get(at..at + bytes).ok_or("the program's file ends early")?;
        Ok(field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        if number(table + index * size, 4)? == INTERPRETER as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with headers of these types.
    fn program(types: &[u32]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(types.len()).unwrap();
        for header in types {
            bytes.extend(header.to_le_bytes());
            bytes.resize(bytes.len() + 52, 0);
        }
        bytes
    }

    #[test]
    fn a_program_that_is_loaded_by_another_names_it() {
        assert!(has_interpreter(&program(&[6, 3, 1])).unwrap());
        assert!(!has_interpreter(&program(&[6, 1, 2])).unwrap());
        assert!(has_interpreter(b"#!/bin/sh").is_err());
        assert!(has_interpreter(&program(&[1])[..100]).is_ok_and(|found| !found));
        assert!(has_interpreter(&program(&[1, 1])[..100]).is_err());
        // The tests themselves are built as cargo builds by itself.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(has_interpreter(&own).unwrap());
    }
}
