//! An SVG of ours as PNG (feature `png`): painted by `resvg` with the fonts of the system.

use resvg::{tiny_skia, usvg};

use crate::error::Error;

/// Larger pictures than this have more points than a viewer takes.
const LARGEST: f32 = 16_000.0;

/// The picture at `scale` points a pixel of the SVG.
///
/// # Errors
/// [`Error::Refused`] if the system has no font, or the picture would be too large.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, Error> {
    let refused = |text: String| Error::Refused(text);
    let mut options = usvg::Options::default();
    options.fontdb_mut().load_system_fonts();
    if options.fontdb.is_empty() {
        let text =
            "a PNG needs a font, and none is installed here; write an .svg instead";
        return Err(refused(text.to_owned()));
    }
    // Where none of the fonts of the list is there, any will do.
    if let Some(family) = any_family(&options.fontdb) {
        options.fontdb_mut().set_monospace_family(family);
    }
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| refused(e.to_string()))?;
    let (w, h) = (tree.size().width() * scale, tree.size().height() * scale);
    let too_large = || {
        let text =
            format!("a PNG of {w:.0}×{h:.0} points is too large; write an .svg instead");
        Error::Refused(text)
    };
    if w > LARGEST || h > LARGEST {
        return Err(too_large());
    }
    let map = tiny_skia::Pixmap::new(w.ceil() as u32, h.ceil() as u32);
    let mut map = map.ok_or_else(too_large)?;
    let scaled = tiny_skia::Transform::from_scale(scale, scale);
    resvg::render(&tree, scaled, &mut map.as_mut());
    map.encode_png().map_err(|e| refused(e.to_string()))
}

/// The family of a font whose signs have one width, else of the first.
fn any_family(fonts: &usvg::fontdb::Database) -> Option<String> {
    let mono = fonts.faces().find(|f| f.monospaced).or(fonts.faces().next())?;
    mono.families.first().map(|f| f.0.clone())
}
