//! A picture in memory: red, green and blue of each pixel, row by row.

/// Red, green and blue.
pub(super) type Colour = [u8; 3];

/// Bytes of a pixel.
pub(super) const RGB: usize = 3;

/// A picture that is being drawn.
pub(super) struct Canvas<'a> {
    pixels: &'a mut [u8],
    width: u32,
    height: u32,
}

impl<'a> Canvas<'a> {
    /// A picture of this size, in a place for its pixels.
    pub(super) fn new(pixels: &'a mut [u8], width: u32, height: u32) -> Self {
        Self { pixels, width, height }
    }

    /// Width and height in pixels.
    pub(super) fn sides(&self) -> [f64; 2] {
        [self.width.into(), self.height.into()]
    }

    /// Paints all of it.
    pub(super) fn fill(&mut self, colour: Colour) {
        for pixel in self.pixels.chunks_exact_mut(RGB) {
            pixel.copy_from_slice(&colour);
        }
    }

    /// Paints the pixels that this is true of, by their places.
    pub(super) fn paint_all(&mut self, colour: Colour, is_painted: impl Fn([f64; 2]) -> bool) {
        self.paint([0, self.width], [0, self.height], colour, is_painted);
    }

    /// The same in the square around a place, as far as it is in the picture.
    pub(super) fn paint_around(
        &mut self,
        [x, y]: [f64; 2],
        radius: f64,
        colour: Colour,
        is_painted: impl Fn([f64; 2]) -> bool,
    ) {
        let range =
            |centre: f64, most: u32| [pixel(centre - radius, most), pixel(centre + radius + 1.0, most)];
        self.paint(range(x, self.width), range(y, self.height), colour, is_painted);
    }

    fn paint(
        &mut self,
        [left, right]: [u32; 2],
        [top, bottom]: [u32; 2],
        colour: Colour,
        is_painted: impl Fn([f64; 2]) -> bool,
    ) {
        let rows = self.pixels.chunks_exact_mut(self.width as usize * RGB);
        for (y, row) in (0..bottom).zip(rows).skip(top as usize) {
            let columns = (0..right).zip(row.chunks_exact_mut(RGB)).skip(left as usize);
            for (_, pixel) in columns.filter(|(x, _)| is_painted([f64::from(*x), f64::from(y)])) {
                pixel.copy_from_slice(&colour);
            }
        }
    }
}

/// The pixel at a place, or the nearest one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
fn pixel(place: f64, most: u32) -> u32 {
    (place as u32).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_picture_is_painted() {
        let mut pixels = [0; 4 * 3 * RGB];
        let mut canvas = Canvas::new(&mut pixels, 4, 3);
        canvas.fill([1, 2, 3]);
        canvas.paint_around([3.0, 2.0], 1.0, [9, 9, 9], |_| true);
        canvas.paint_all([5, 5, 5], |[x, y]| x < 1.0 && y < 1.0);
        let is = |colour: Colour| pixels.chunks(RGB).map(|pixel| pixel == colour).collect::<Vec<_>>();
        let (y, n) = (true, false);
        assert_eq!(is([9, 9, 9]), [n, n, n, n, n, n, y, y, n, n, y, y]);
        assert_eq!(is([5, 5, 5]), [y, n, n, n, n, n, n, n, n, n, n, n]);
    }
}
