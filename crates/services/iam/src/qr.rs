//! The QR code of a virtual MFA device, as a picture that authenticator programs take the seed from.

use crc32fast::Hasher;
use platform::Fault;
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// Pixels of a side of a module.
const SCALE: usize = 4;

/// White modules around the code (ISO/IEC 18004).
const QUIET: usize = 4;

/// Level of compression of the pixels: they are few.
const COMPRESSION: u8 = 6;

/// A QR code of a text as PNG (W3C Recommendation, third edition): one bit a pixel, black on white.
pub(crate) fn png(text: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|error| Fault::bug(format!("QR code: {error}")))?;
    let modules = code.width();
    let colors =
        Zeroizing::new(code.to_colors().into_iter().map(|color| color == Color::Dark).collect::<Vec<_>>());
    let side = (modules + 2 * QUIET) * SCALE;
    let mut pixels = Zeroizing::new(Vec::with_capacity(side * (side / 8 + 2)));
    for y in 0..side {
        // No filter.
        pixels.push(0);
        for eight in 0..side.div_ceil(8) {
            let bits = (eight * 8..eight * 8 + 8).fold(0_u8, |bits, x| {
                let module = |at: usize| (at / SCALE).checked_sub(QUIET).filter(|at| *at < modules);
                let dark = match (module(x), module(y)) {
                    (Some(x), Some(y)) => colors.get(y * modules + x).copied().unwrap_or(false),
                    _ => false,
                };
                bits << 1 | u8::from(!dark)
            });
            pixels.push(bits);
        }
    }
    let compressed = Zeroizing::new(miniz_oxide::deflate::compress_to_vec_zlib(&pixels, COMPRESSION));
    let side = u32::try_from(side).map_err(|_| Fault::bug("QR code too large"))?.to_be_bytes();
    let mut png = Zeroizing::new(b"\x89PNG\r\n\x1a\n".to_vec());
    // Side and side; one bit of gray; the only methods of compression and filtering there are; not interlaced.
    chunk(&mut png, b"IHDR", &[&side[..], &side, &[1, 0, 0, 0, 0]].concat());
    chunk(&mut png, b"IDAT", &compressed);
    chunk(&mut png, b"IEND", &[]);
    Ok(png)
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut checksum = Hasher::new();
    checksum.update(kind);
    checksum.update(data);
    png.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    png.extend(kind);
    png.extend(data);
    png.extend(checksum.finalize().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reader_reads_it() {
        let text = "otpauth://totp/bob@111122223333?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let png = png(text).unwrap();
        let side = usize::try_from(u32::from_be_bytes(png[16..20].try_into().unwrap())).unwrap();
        let length = usize::try_from(u32::from_be_bytes(png[33..37].try_into().unwrap())).unwrap();
        assert_eq!((&png[12..16], &png[37..41]), (&b"IHDR"[..], &b"IDAT"[..]));
        let pixels = miniz_oxide::inflate::decompress_to_vec_zlib(&png[41..41 + length]).unwrap();
        let row = side.div_ceil(8) + 1;
        let light = |x: usize, y: usize| pixels[y * row + 1 + x / 8] & 0x80 >> (x % 8) != 0;
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| if light(x, y) { 255 } else { 0 });
        let found = image.detect_grids();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].decode().unwrap().1, text);
    }
}
