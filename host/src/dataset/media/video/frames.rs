//! What is seen in a video: each frame is a function of the seed and its number.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};

use super::canvas::{Canvas, Colour};
use crate::{
    plan::media::{VideoConfig, VideoContent},
    seed::Seed,
};

/// Shapes in a film of them.
const SHAPES: usize = 6;

/// Cells of a grid along its shorter side.
const CELLS: f64 = 8.0;

/// Seconds in which the hand of a clock goes round.
const ROUND_S: f64 = 5.0;

/// Frames of one video.
pub(super) struct Film {
    width: u32,
    height: u32,
    fps: u32,
    scene: Scene,
}

enum Scene {
    Shapes { ground: Colour, shapes: Vec<Shape> },
    Clock(Clock),
    Noise(Seed),
}

/// Something that moves, and turns back at the edges. Lengths are parts of the picture's sides.
struct Shape {
    is_round: bool,
    colour: Colour,
    /// A part of the shorter side.
    radius: f64,
    from: [f64; 2],
    /// A second.
    way: [f64; 2],
}

/// A grid behind a hand. Its parts are at other places in each video.
struct Clock {
    ground: Colour,
    lines: Colour,
    hand: Colour,
    /// Parts of a cell.
    shift: [f64; 2],
    /// A part of a round.
    begin: f64,
}

impl Film {
    pub(super) fn new(config: &VideoConfig, seed: Seed) -> Self {
        let mut rng = seed.stream("scene");
        let scene = match config.content {
            VideoContent::MovingShapes => Scene::Shapes {
                ground: rng.random(),
                shapes: (0..SHAPES).map(|number| Shape::drawn(number % 2 == 0, &mut rng)).collect(),
            },
            VideoContent::GridClock => Scene::Clock(Clock {
                ground: rng.random(),
                lines: rng.random(),
                hand: rng.random(),
                shift: rng.random(),
                begin: rng.random(),
            }),
            VideoContent::Noise => Scene::Noise(seed.child("frames")),
        };
        Self { width: config.width, height: config.height, fps: config.fps, scene }
    }

    /// Draws the frame with this number: red, green and blue of each pixel, row by row.
    pub(super) fn draw(&self, number: u64, pixels: &mut [u8]) {
        let at_s = number as f64 / f64::from(self.fps);
        let mut canvas = Canvas::new(pixels, self.width, self.height);
        match &self.scene {
            Scene::Shapes { ground, shapes } => {
                canvas.fill(*ground);
                for shape in shapes {
                    shape.draw(at_s, &mut canvas);
                }
            }
            Scene::Clock(clock) => clock.draw(at_s, &mut canvas),
            Scene::Noise(seed) => seed.stream(&number.to_string()).fill_bytes(pixels),
        }
    }
}

impl Shape {
    fn drawn(is_round: bool, rng: &mut impl Rng) -> Self {
        let mut way = || rng.random_range(-0.5..0.5);
        let way = [way(), way()];
        Self { is_round, colour: rng.random(), radius: rng.random_range(0.05..0.2), from: rng.random(), way }
    }

    fn draw(&self, at_s: f64, canvas: &mut Canvas<'_>) {
        let [width, height] = canvas.sides();
        let [x, y] = [0, 1].map(|axis| reflected(self.from[axis] + self.way[axis] * at_s));
        let (centre, radius) = ([x * width, y * height], self.radius * width.min(height));
        let is_round = self.is_round;
        canvas.paint_around(centre, radius, self.colour, |[x, y]| {
            !is_round || (x - centre[0]).hypot(y - centre[1]) <= radius
        });
    }
}

/// A place on a line of length 1 that something reaches which turns back at its ends.
fn reflected(way: f64) -> f64 {
    let round = way.rem_euclid(2.0);
    if round > 1.0 { 2.0 - round } else { round }
}

impl Clock {
    fn draw(&self, at_s: f64, canvas: &mut Canvas<'_>) {
        let [width, height] = canvas.sides();
        let side = width.min(height);
        let (cell, radius) = ((side / CELLS).max(2.0), side * 0.45);
        let [left, top] = self.shift.map(|shift| shift * cell);
        canvas.fill(self.ground);
        canvas.paint_all(self.lines, |[x, y]| {
            (x - left).rem_euclid(cell) < 1.0 || (y - top).rem_euclid(cell) < 1.0
        });
        let (centre, thickness) = ([width / 2.0, height / 2.0], (side / 60.0).max(1.0));
        let (sin, cos) = (TAU * (self.begin + at_s / ROUND_S)).sin_cos();
        canvas.paint_around(centre, radius, self.hand, |[x, y]| {
            let [x, y] = [x - centre[0], y - centre[1]];
            let (along, beside) = (x * sin - y * cos, x * cos + y * sin);
            let is_rim = (x.hypot(y) - radius + thickness).abs() < thickness;
            is_rim || (0.0..radius).contains(&along) && beside.abs() < thickness
        });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::media::VideoFormat;

    fn film(content: VideoContent, seed: u64) -> Film {
        let config = VideoConfig {
            width: 33,
            height: 20,
            length_s: 1.0,
            fps: 4,
            content,
            format: VideoFormat::Webm,
            codec: "c".into(),
            sound: None,
            batch_size: 1,
        };
        Film::new(&config, Seed::new(seed))
    }

    fn frame(film: &Film, number: u64) -> Vec<u8> {
        let mut pixels = vec![0; 33 * 20 * 3];
        film.draw(number, &mut pixels);
        pixels
    }

    #[rstest]
    fn frames_move_and_no_two_videos_are_alike(
        #[values(VideoContent::MovingShapes, VideoContent::GridClock, VideoContent::Noise)]
        content: VideoContent,
    ) {
        let one = film(content, 1);
        assert_ne!(frame(&one, 0), frame(&one, 3));
        assert_ne!(frame(&one, 0), frame(&film(content, 2), 0));
        assert_eq!(frame(&one, 3), frame(&film(content, 1), 3), "a frame depends on the seed and its number");
    }

    #[test]
    fn the_hand_of_a_clock_is_back_after_a_round() {
        let film = film(VideoContent::GridClock, 1);
        let round = 4 * 5;
        assert_eq!(frame(&film, 1), frame(&film, 1 + round));
        assert_ne!(frame(&film, 1), frame(&film, 1 + round / 2));
    }

    #[rstest]
    #[case(0.25, 0.25)]
    #[case(1.25, 0.75)]
    #[case(2.25, 0.25)]
    #[case(-0.25, 0.25)]
    #[case(-1.25, 0.75)]
    fn what_moves_turns_back_at_the_edges(#[case] way: f64, #[case] place: f64) {
        assert!((reflected(way) - place).abs() < 1e-12);
    }
}
