//! Lines in a coordinate system, as SVG.

use crate::bench::report::html::escaped;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 45.0;

/// How many lines the vertical axis has at least.
const STEPS: f64 = 5.0;

/// How many marks a horizontal axis without given ones has at most.
const MARKS_MAX: usize = 12;

/// Told apart by people who see few colors as well.
const COLORS: [&str; 3] = ["#2f6fb0", "#d97a1e", "#8c3b8f"];

/// A line with its name.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// Lines that share their axes.
pub(super) struct Plot {
    /// Marks of the horizontal axis; without any they are numbers.
    pub(super) x_ticks: Vec<(f64, String)>,
    pub(super) x_unit: &'static str,
    pub(super) y_unit: &'static str,
    pub(super) lines: Vec<Line>,
}

impl Plot {
    pub(super) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x_max = points().map(|point| point.0).fold(0.0, f64::max).max(1.0);
        let step = step(points().map(|point| point.1).fold(0.0, f64::max));
        let y_max = step * (points().map(|point| point.1).fold(0.0, f64::max) / step).ceil().max(1.0);
        let x = |value: f64| LEFT + value / x_max * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / y_max * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" font-size=\"12\" fill=\"currentColor\" \
             font-family=\"system-ui,sans-serif\">\n"
        );
        let mut level = 0.0;
        while level <= y_max * 1.001 {
            let at = y(level);
            svg += &format!(
                "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"currentColor\" stroke-opacity=\".15\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
                number(level)
            );
            level += step;
        }
        for (value, mark) in self.marks(x_max) {
            let mark = escaped(&mark);
            let at = HEIGHT - BOTTOM + 18.0;
            svg += &format!("<text x=\"{:.1}\" y=\"{at:.1}\" text-anchor=\"middle\">{mark}</text>\n", x(value));
        }
        let (units_y, middle) = (HEIGHT - 6.0, LEFT + (WIDTH - LEFT - RIGHT) / 2.0);
        svg += &format!("<text x=\"{middle:.1}\" y=\"{units_y:.1}\" text-anchor=\"middle\">{}</text>\n", self.x_unit);
        svg += &format!("<text x=\"4\" y=\"14\">{}</text>\n", self.y_unit);
        for (index, line) in self.lines.iter().enumerate() {
            let color = COLORS[index % COLORS.len()];
            let path: Vec<String> =
                line.points.iter().map(|(at, value)| format!("{:.1} {:.1}", x(*at), y(*value))).collect();
            let name_x = LEFT + 110.0 + 150.0 * index as f64;
            svg += &format!(
                "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\
                 <text x=\"{name_x:.1}\" y=\"14\" fill=\"{color}\">{}</text>\n",
                path.join("L"),
                line.name
            );
        }
        svg + "</svg>"
    }

    fn marks(&self, x_max: f64) -> Vec<(f64, String)> {
        if !self.x_ticks.is_empty() {
            return self.x_ticks.clone();
        }
        let every = (x_max / MARKS_MAX as f64).ceil().max(1.0);
        let count = (x_max / every).floor() as usize;
        (0..=count).map(|index| (index as f64 * every, number(index as f64 * every))).collect()
    }
}

/// A round distance between lines, of which there are a few up to the largest value.
fn step(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let rough = most / STEPS;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * magnitude >= rough).unwrap_or(10.0);
    round * magnitude
}

/// A number without digits that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        for (most, expected) in [(0.0, 1.0), (1.0, 0.2), (7.3, 2.0), (99.0, 20.0), (101.0, 50.0), (0.003, 0.001)] {
            assert!((step(most) - expected).abs() < 1e-9, "{most}: {}", step(most));
        }
        for (value, expected) in [(0.0, "0"), (0.25, "0.25"), (20.0, "20"), (1500.0, "1500")] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn points_lie_within_the_plot() {
        let line = Line { name: "latency", points: vec![(0.0, 0.0), (5.0, 10.0)] };
        let plot = Plot { x_ticks: Vec::new(), x_unit: "seconds", y_unit: "ms", lines: vec![line] };
        let svg = plot.svg();
        assert!(svg.contains(&format!("M{LEFT:.1} {:.1}L{:.1} {TOP:.1}\"", HEIGHT - BOTTOM, WIDTH - RIGHT)), "{svg}");
        let empty = Plot { x_ticks: Vec::new(), x_unit: "", y_unit: "", lines: Vec::new() };
        assert!(empty.svg().ends_with("</svg>") && !empty.svg().contains("NaN"));
    }
}
