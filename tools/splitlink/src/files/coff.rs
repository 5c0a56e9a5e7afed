//! COFF objects: how they begin.

/// How an object for x86-64 begins (`object::pe::IMAGE_FILE_MACHINE_AMD64`); there is no mark of the
/// format itself.
pub(crate) const MAGIC: &[u8; 2] = &[0x64, 0x86];
