//! Charts as bitmaps: PNG, for what shows no SVG.
//!
//! The text is drawn in a font that the program brings along (Noto Sans, SIL Open Font License 1.1), so that a machine without fonts
//! makes the same picture as any other. A bitmap has one theme for all readers. It is drawn with the lines of [`STYLE`] that are
//! about parts of a picture; the library that draws knows no variables, so that each gets the value that it has in the theme.

use std::sync::Arc;

use resvg::{
    tiny_skia::{Color, Pixmap, Transform},
    usvg::{self, Options, Tree, fontdb},
};

use super::{STYLE, Theme, with_style};

/// A chart that cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BitmapError {
    /// The text of the chart is no picture: a mistake in what made it.
    #[error("the chart is not well-formed SVG")]
    Svg(#[source] usvg::Error),
    /// The picture would have no pixels, or more than memory can have.
    #[error("a picture cannot be {width} pixels wide")]
    Size {
        /// What was asked for.
        width: u32,
    },
    /// The pixels could not be written down as PNG.
    #[error("the pixels cannot be written as PNG")]
    Encode(#[source] png::EncodingError),
}

/// What draws: the fonts, which are read once.
#[derive(Debug)]
pub(crate) struct Bitmaps {
    fonts: Arc<fontdb::Database>,
}

impl Bitmaps {
    /// Reads the fonts that the program has in it.
    pub(crate) fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        for font in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
            fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
        }
        // What the style asks for last, and what the library takes where it asks for nothing.
        fonts.set_sans_serif_family(FAMILY);
        fonts.set_serif_family(FAMILY);
        Self { fonts: Arc::new(fonts) }
    }

    /// The chart as PNG, so many pixels wide; its height follows.
    ///
    /// # Errors
    /// The text is no SVG, or the picture is too large.
    pub(crate) fn png(&self, svg: &str, theme: Theme, width: u32) -> Result<Vec<u8>, BitmapError> {
        let colours = colours(theme);
        let options =
            Options { font_family: FAMILY.to_owned(), fontdb: Arc::clone(&self.fonts), ..Options::default() };
        let file = with_style(svg, &plain_style(&colours));
        let tree = Tree::from_str(&file, &options).map_err(BitmapError::Svg)?;
        let scaled = tree.size().to_int_size().scale_to_width(width);
        let pixels = scaled.and_then(|size| Pixmap::new(size.width(), size.height()));
        let mut pixels = pixels.ok_or(BitmapError::Size { width })?;
        // A background is nothing that SVG has: the style's is for browsers.
        pixels.fill(paper(&colours));
        let scale = width as f32 / tree.size().width();
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
        pixels.encode_png().map_err(BitmapError::Encode)
    }
}

/// Name of the font that the program has in it.
const FAMILY: &str = "Noto Sans";

/// The variables of the style and their values in a theme, `--ink` and `#1b1f24`; a later one stands over an earlier one.
fn colours(theme: Theme) -> Vec<(String, String)> {
    let style = super::style(Some(theme));
    let variable = |declaration: &str| {
        let (name, value) = declaration.trim().split_once(':')?;
        name.starts_with("--").then(|| (name.to_owned(), value.trim().to_owned()))
    };
    let mut colours: Vec<_> = style.split([';', '{', '}']).filter_map(variable).collect();
    colours.reverse();
    colours
}

/// The lines of the style that are about parts of a picture, with values in place of variables.
fn plain_style(colours: &[(String, String)]) -> String {
    let parts: Vec<&str> = STYLE.lines().filter(|line| line.starts_with("svg.chart")).collect();
    let mut style = parts.join("\n");
    for (name, value) in colours {
        style = style.replace(&format!("var({name})"), value);
    }
    style
}

/// The colour behind everything, `#rrggbb` in the style.
fn paper(colours: &[(String, String)]) -> Color {
    let named = colours.iter().find(|(name, _)| name == "--paper");
    let parts = named.and_then(|(_, value)| u32::from_str_radix(value.trim_start_matches('#'), 16).ok());
    let [_, red, green, blue] = parts.unwrap_or(0x00ff_ffff).to_be_bytes();
    Color::from_rgba8(red, green, blue, 255)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Width, height, and how many pixels have each colour.
    fn pixels(png: &[u8]) -> (u32, u32, BTreeMap<[u8; 3], usize>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
        let mut colours = BTreeMap::new();
        for pixel in bytes.chunks_exact(4) {
            *colours.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
        }
        (info.width, info.height, colours)
    }

    fn drawn(body: &str, theme: Theme, width: u32) -> (u32, u32, BTreeMap<[u8; 3], usize>) {
        let svg = format!("<svg class=\"chart\" viewBox=\"0 0 100 40\">{body}</svg>");
        pixels(&Bitmaps::new().png(&svg, theme, width).unwrap())
    }

    #[test]
    fn a_bitmap_has_the_width_that_was_asked_for_and_the_colours_of_its_theme() {
        let (width, height, colours) =
            drawn("<rect class=\"f0\" width=\"50\" height=\"40\"/>", Theme::Light, 300);
        assert_eq!((width, height), (300, 120));
        assert_eq!(colours, BTreeMap::from([([0xff, 0xff, 0xff], 18_000), ([0x00, 0x61, 0xa8], 18_000)]));
        let (_, _, dark) = drawn("<rect class=\"f0\" width=\"50\" height=\"40\"/>", Theme::Dark, 100);
        assert_eq!(dark, BTreeMap::from([([0x14, 0x18, 0x1d], 2_000), ([0x62, 0xb5, 0xf5], 2_000)]));
    }

    /// Without a font nothing would be drawn. The other is bolder: it has more ink.
    #[test]
    fn text_is_drawn_in_a_font_of_its_own() {
        let ink = |class: &str| {
            let body =
                format!("<text {class} style=\"font-size: 13px\" x=\"5\" y=\"25\">Latency µs ≤ 1</text>");
            let (_, _, colours) = drawn(&body, Theme::Light, 400);
            colours.get(&[0x1b, 0x1f, 0x24]).copied().unwrap_or_default()
        };
        assert!(ink("") > 300, "{} pixels", ink(""));
        assert!(ink("class=\"t\"") > ink("") * 5 / 4, "{} and {} pixels", ink("class=\"t\""), ink(""));
    }

    #[test]
    fn the_style_of_a_bitmap_has_no_variables() {
        for theme in [Theme::Light, Theme::Dark] {
            let style = plain_style(&colours(theme));
            assert!(style.contains("svg.chart .g { stroke: #"), "{style}");
            assert!(!style.contains("var(") && !style.contains('@'), "{style}");
        }
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let failed = Bitmaps::new().png("<svg viewBox=\"0 0 1 1\"><g></svg>", Theme::Light, 100);
        assert!(matches!(failed, Err(BitmapError::Svg(_))), "{failed:?}");
        let none = Bitmaps::new().png("<svg viewBox=\"0 0 1 1\"></svg>", Theme::Light, 0);
        assert!(matches!(none, Err(BitmapError::Size { width: 0 })), "{none:?}");
    }
}
