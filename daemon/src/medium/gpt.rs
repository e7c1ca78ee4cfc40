//! A GUID partition table, as far as one entry of it: UEFI specification 2.10, section 5.3.

/// The type of an EFI system partition, as its bytes stand on the disk.
pub(super) const EFI_SYSTEM: [u8; 16] =
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
/// The header's size is at least this, and it must fit into a block.
const HEADER: usize = 92;
/// Bytes of an entry in every table that is made; the specification allows larger powers of two.
const SMALLEST_ENTRY: u32 = 128;
const LARGEST_ENTRY: u32 = 4096;

/// Where the table's first entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The logical block.
    pub entries: u64,
}

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub kind: [u8; 16],
    /// First logical block.
    pub first: u64,
    /// Last logical block, which belongs to it.
    pub last: u64,
}

/// Reads logical block 1. `None`: no GPT.
pub(super) fn header(block: &[u8]) -> Option<Header> {
    let size = number(block, 12, 4)?;
    let own_place = number(block, 24, 8)?;
    let entry_size = u32::try_from(number(block, 84, 4)?).ok()?;
    let sound = block.starts_with(b"EFI PART")
        && (HEADER as u64..=block.len() as u64).contains(&size)
        && own_place == 1
        && (SMALLEST_ENTRY..=LARGEST_ENTRY).contains(&entry_size)
        && number(block, 80, 4)? > 0;
    let stored = number(block, 16, 4)?;
    let sum = block.get(..usize::try_from(size).ok()?)?.iter().enumerate();
    // The sum is made with its own field as zero.
    let sum = crc32(sum.map(|(i, byte)| if (16..20).contains(&i) { 0 } else { *byte }));
    (sound && stored == u64::from(sum)).then_some(Header { entries: number(block, 72, 8)? })
}

/// Reads the first entry from the block that holds it.
pub(super) fn first_entry(block: &[u8]) -> Option<Entry> {
    let kind = block.get(..16)?.try_into().ok()?;
    Some(Entry { kind, first: number(block, 32, 8)?, last: number(block, 40, 8)? })
}

fn number(bytes: &[u8], start: usize, length: usize) -> Option<u64> {
    let field = bytes.get(start..start.checked_add(length)?)?;
    Some(field.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// CRC-32 as in ISO 3309, bit by bit: 92 bytes once.
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |s, _| if s & 1 == 1 { s >> 1 ^ 0xedb8_8320 } else { s >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Vec<u8> {
        let mut block = vec![0; 512];
        block[..8].copy_from_slice(b"EFI PART");
        for (place, value) in [(12, 92_u32), (24, 1), (72, 2), (80, 128), (84, 128)] {
            block[place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        let sum = crc32(block[..92].iter().copied());
        block[16..20].copy_from_slice(&sum.to_le_bytes());
        block
    }

    #[test]
    fn the_check_value_of_crc32_is_right() {
        assert_eq!(crc32(b"123456789".iter().copied()), 0xcbf4_3926);
    }

    #[test]
    fn a_damaged_header_is_none() {
        assert_eq!(header(&block()), Some(Header { entries: 2 }));
        for place in [0, 12, 17, 24, 72, 84] {
            let mut damaged = block();
            damaged[place] ^= 1;
            assert_eq!(header(&damaged), None, "{place}");
        }
        assert_eq!(header(&[]), None);
        assert_eq!(header(&block()[..91]), None);
    }
}
