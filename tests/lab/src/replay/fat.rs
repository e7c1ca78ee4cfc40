//! FAT32 in memory, read as GRUB and Linux read it: the first table counts, and a broken chain gives what comes before the break.

use std::fmt;

use super::image::{Image, SECTOR};

/// The last 4 bits of an entry of the table are somebody else's.
const MASK: u32 = 0x0fff_ffff;
/// From here on an entry says that the chain ends.
const END: u32 = 0x0fff_fff8;
/// What FAT32 has at least, by Microsoft's specification of 2005.
const FEWEST: u32 = 65_525;

/// What is wrong with a file system or a chain of clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// This of the first sector.
    BootSector(&'static str),
    /// After so many clusters the chain ends.
    Ends(usize),
    /// After so many clusters it leads to this one, which is none.
    Leads(usize, u32),
    /// It never ends.
    Loops,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BootSector(what) => write!(f, "the boot sector's {what}"),
            Self::Ends(after) => write!(f, "its chain ends after {after} clusters"),
            Self::Leads(after, to) => write!(f, "its chain leads after {after} clusters to {to}, which is none"),
            Self::Loops => write!(f, "its chain never ends"),
        }
    }
}

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Sectors of a cluster.
    pub per_cluster: usize,
    /// The first sector of the first table.
    pub table: usize,
    /// The first sector of cluster 2.
    pub data: usize,
    /// The first number that is no cluster's.
    pub end: u32,
    /// The root directory's first cluster.
    pub root: u32,
}

impl Geometry {
    /// Reads the boot sector.
    ///
    /// # Errors
    /// What of it is not as it must be.
    pub fn of(image: &Image) -> Result<Self, Broken> {
        let sector = image.sector(0).ok_or(Broken::BootSector("sector"))?;
        let byte = |at: usize| u32::from(sector.get(at).copied().unwrap_or_default());
        let short = |at: usize| byte(at) | byte(at + 1) << 8;
        let long = |at: usize| short(at) | short(at + 2) << 16;
        let must = |right: bool, what| if right { Ok(()) } else { Err(Broken::BootSector(what)) };
        must(short(510) == 0xaa55, "signature")?;
        must(short(11) == 512, "sector size")?;
        let per_cluster = byte(13);
        must(per_cluster.is_power_of_two(), "cluster size")?;
        let (reserved, tables, length) = (short(14), byte(16), long(36));
        must(reserved > 0 && tables > 0 && short(22) == 0 && length > 0, "tables")?;
        let behind = length.checked_mul(tables).and_then(|tables| tables.checked_add(reserved));
        let data = behind.ok_or(Broken::BootSector("tables"))?;
        let sectors = long(32);
        must(usize::try_from(sectors).is_ok_and(|sectors| sectors <= image.sectors()), "length")?;
        let clusters = sectors.checked_sub(data).ok_or(Broken::BootSector("length"))? / per_cluster;
        must(clusters >= FEWEST && u64::from(clusters) + 2 <= u64::from(length) * 128, "number of clusters")?;
        let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (per_cluster, table, data) = (index(per_cluster), index(reserved), index(data));
        Ok(Self { per_cluster, table, data, end: clusters + 2, root: long(44) })
    }

    /// The first sector of a cluster.
    fn sector(&self, cluster: u32) -> Option<usize> {
        let number = usize::try_from(cluster.checked_sub(2).filter(|_| cluster < self.end)?).ok()?;
        number.checked_mul(self.per_cluster)?.checked_add(self.data)
    }
}

/// A file system.
#[derive(Debug, Clone, Copy)]
pub struct Volume<'a> {
    /// Where it lies.
    pub image: &'a Image,
    /// Where everything is.
    pub geometry: Geometry,
}

impl<'a> Volume<'a> {
    /// The file system on this image.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn of(image: &'a Image) -> Result<Self, Broken> {
        Ok(Self { image, geometry: Geometry::of(image)? })
    }

    fn next(&self, cluster: u32) -> u32 {
        let at = usize::try_from(cluster).unwrap_or(usize::MAX);
        let sector = self.image.sector(self.geometry.table.saturating_add(at / (SECTOR / 4)));
        let entry = sector.and_then(|sector| sector.get(at % (SECTOR / 4) * 4..)?.first_chunk());
        entry.map_or(0, |bytes| u32::from_le_bytes(*bytes) & MASK)
    }

    /// The sectors of a chain, at most those of so many clusters if a number is given, and what was wrong with it before that.
    #[must_use]
    pub fn chain(&self, first: u32, clusters: Option<usize>) -> (Vec<usize>, Option<Broken>) {
        let mut sectors = Vec::new();
        let mut cluster = first;
        for count in 0.. {
            if clusters == Some(count) {
                break;
            }
            if cluster >= END && count > 0 {
                return (sectors, clusters.is_some().then_some(Broken::Ends(count)));
            }
            let Some(start) = self.geometry.sector(cluster) else {
                return (sectors, Some(Broken::Leads(count, cluster)));
            };
            if u32::try_from(count).is_ok_and(|count| count >= self.geometry.end) {
                return (sectors, Some(Broken::Loops));
            }
            sectors.extend(start..start + self.geometry.per_cluster);
            cluster = self.next(cluster);
        }
        (sectors, None)
    }

    /// The sectors of a file of this length.
    ///
    /// # Errors
    /// When its chain is too short or broken.
    pub fn file(&self, first: u32, length: u32) -> Result<Vec<usize>, Broken> {
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let (mut sectors, broken) = self.chain(first, Some(bytes.div_ceil(self.geometry.per_cluster * SECTOR)));
        sectors.truncate(bytes.div_ceil(SECTOR));
        broken.map_or(Ok(sectors), Err)
    }

    /// What lies in these sectors, `length` bytes of it.
    #[must_use]
    pub fn bytes(&self, sectors: &[usize], length: u32) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            sectors.iter().filter_map(|sector| self.image.sector(*sector)).flatten().copied().collect();
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        bytes
    }
}
