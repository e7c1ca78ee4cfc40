//! Frames, tar headers, partition tables and blocks of a fixed size: bytes changed, and what guards them made right again.

use super::{Context, tree};

/// A tar is made of blocks of this size; so are the blocks that GRUB reads.
const BLOCK: usize = 512;

/// The wire's frames: dropped, doubled, swapped, or their payload changed under a length that fits it.
pub fn frames(bytes: &[u8], context: &mut Context<'_>) -> Option<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((header, tail)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let length = usize::try_from(length).ok().filter(|length| *length <= tail.len())?;
        let (payload, next) = tail.split_at(length);
        frames.push((header[0], payload.to_vec()));
        rest = next;
    }
    let place = context.random.below(frames.len());
    match context.random.below(6) {
        0 if !frames.is_empty() => drop(frames.remove(place)),
        1 => frames.insert(place, frames.get(place)?.clone()),
        2 => {
            let other = context.random.below(frames.len());
            frames.get(place)?;
            frames.swap(place, other);
        }
        3 => frames.get_mut(place)?.0 = *context.random.pick(&[0, 1, 2, 3, 15, 16, 17, 18, 19, 20, 21, 22, 23, 255]),
        4 => {
            let payload = &mut frames.get_mut(place)?.1;
            *payload = (context.bytes)(payload, 4096);
        }
        _ => {
            let payload = &mut frames.get_mut(place)?.1;
            *payload = tree::json(payload, context)?;
        }
    }
    let mut out = Vec::new();
    for (kind, payload) in frames {
        out.push(kind);
        out.extend_from_slice(&u32::try_from(payload.len()).ok()?.to_be_bytes());
        out.extend_from_slice(&payload);
    }
    Some(out).filter(|out| out.len() <= context.longest)
}

/// A tar, with the checksums of its headers as they should be, seven times in eight.
pub fn kit(bytes: &[u8], context: &mut Context<'_>) -> Option<Vec<u8>> {
    let mut blocks: Vec<Vec<u8>> = bytes.chunks(BLOCK).map(<[u8]>::to_vec).collect();
    let place = context.random.below(blocks.len());
    match context.random.below(8) {
        0 if !blocks.is_empty() => drop(blocks.remove(place)),
        1 => blocks.insert(place, blocks.get(place)?.clone()),
        2 => {
            let other = context.random.below(blocks.len());
            blocks.get(place)?;
            blocks.swap(place, other);
        }
        // The fields of a header: name, size, type, prefix.
        n => {
            let (start, length) = [(0, 100), (124, 12), (156, 1), (257, 8), (345, 155)][n.saturating_sub(3)];
            let field = blocks.get_mut(place)?.get_mut(start..start + length)?;
            let mut changed = (context.bytes)(field, length);
            changed.resize(length, 0);
            field.copy_from_slice(&changed);
        }
    }
    if context.random.chance(7, 8) {
        for block in &mut blocks {
            seal(block);
        }
    }
    Some(blocks.concat()).filter(|out| out.len() <= context.longest)
}

/// Writes the checksum of a tar header (bytes 148 to 155, counted as blanks) if the block says that it is one.
fn seal(block: &mut [u8]) {
    if block.len() == BLOCK && block[257..].starts_with(b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// The header of a partition table, under the checksum that it should have, seven times in eight.
pub fn gpt_header(bytes: &[u8], context: &mut Context<'_>) -> Option<Vec<u8>> {
    let mut out = (context.bytes)(bytes, context.longest);
    if context.random.chance(7, 8) && out.len() >= 20 {
        let size = u32::from_le_bytes([out[12], out[13], out[14], out[15]]);
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(out.len());
        out[16..20].fill(0);
        let sum = crc32(&out[..size]).to_le_bytes();
        out[16..20].copy_from_slice(&sum);
    }
    Some(out)
}

/// CRC-32 as in ISO 3309.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |s, _| if s & 1 == 1 { s >> 1 ^ 0xedb8_8320 } else { s >> 1 })
    })
}

/// A block of 512 bytes stays one, seven times in eight.
pub fn padded_block(bytes: &[u8], context: &mut Context<'_>) -> Option<Vec<u8>> {
    let mut out = (context.bytes)(bytes, context.longest);
    if context.random.chance(7, 8) {
        out.resize(BLOCK, b'#');
    }
    Some(out)
}
