//! Content → a file that is there whole or not at all, and none that was there without being asked.

use std::io::{Write, stdout};
use std::path::Path;

use crate::failure::Failure;

/// Writes the file, or for `-` standard output; a file that is there is refused unless `over` is set.
pub(crate) fn whole(
    path: &Path,
    content: impl AsRef<[u8]>,
    over: bool,
) -> Result<(), Failure> {
    if path == Path::new("-") {
        let mut out = stdout().lock();
        let written = out.write_all(content.as_ref()).and_then(|()| out.flush());
        return written.map_err(Failure::Output);
    }
    // What is no file, such as /dev/stdout, is written into and loses nothing.
    let file = path.metadata().is_ok_and(|m| m.is_file() || m.is_dir());
    let dangling = path.is_symlink() && !path.exists();
    if !over && (file || dangling) {
        let words = "a file of this name is there; --force writes over it";
        return Err(Failure::Usage(format!("{}: {words}", path.display())));
    }
    Ok(chainrule::store::write_whole(path, content.as_ref())?)
}
