use super::*;

fn plot() -> Plot {
    Plot {
        title: "Latency <over> time".to_owned(),
        about: "The median and the 99th percentile.".to_owned(),
        x: Axis::between("s", 0.0, 4.0),
        y: Axis::from_zero("ms", [0.0, 37.0]),
        layers: vec![
            Layer::new(
                "p50 to p99",
                0,
                Shape::Band(vec![(0.0, 10.0, 30.0), (2.0, 12.0, 37.0), (4.0, 11.0, 31.0)]),
            ),
            Layer::new("p50", 0, Shape::Line(vec![(0.0, 10.0), (1.0, f64::NAN), (2.0, 12.0), (4.0, 11.0)])),
            Layer::new("failed", 1, Shape::Points(vec![(3.0, 20.0)])),
        ],
    }
}

#[test]
fn a_plot_is_the_same_text_each_time() {
    insta::assert_snapshot!(plot().svg().replace("><", ">\n<"));
}

#[test]
fn lanes_are_the_same_text_each_time() {
    let lanes = Lanes {
        title: "Sessions".to_owned(),
        about: "One row a session.".to_owned(),
        x: Axis::between("s", 0.0, 2.0),
        kinds: vec!["waiting", "first token", "tokens"],
        rows: vec![Lane {
            name: "a".to_owned(),
            spans: vec![Span { kind: 0, from: 0.0, to: 0.5 }, Span { kind: 2, from: 0.5, to: 1.5 }],
        }],
    };
    insta::assert_snapshot!(lanes.svg().replace("><", ">\n<"));
    assert!(lanes.table().html("Sessions").contains("<td>tokens</td><td>0.5</td><td>1.5</td>"));
}

#[test]
fn numbers_stand_behind_a_plot() {
    let table = plot().table().html("Latency");
    assert!(table.contains("<th scope=\"row\">2</th><td>12 to 37</td><td>12</td>"), "{table}");
    assert!(table.contains("<th scope=\"row\">1</th><td></td><td>-</td>"), "{table}");
}

#[test]
fn a_file_of_its_own_has_its_style_and_is_xml() {
    let file = file(&plot().svg(), None);
    assert!(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\""), "{file}");
    assert!(file.contains("<style>:root") && file.contains("Latency &lt;over&gt; time"));
}

/// Without a theme, the reader's system decides; with one, nobody is asked.
#[test]
fn a_theme_is_the_same_for_all_readers() {
    let styles = [None, Some(Theme::Light), Some(Theme::Dark)].map(|theme| file(&plot().svg(), theme));
    let asks = styles.each_ref().map(|text| text.contains("prefers-color-scheme"));
    assert_eq!(asks, [true, false, false]);
    let inks = styles.each_ref().map(|text| text.matches("--ink: #").count());
    assert_eq!(inks, [2, 1, 2]);
    let balance = |text: &String| text.matches('{').count() == text.matches('}').count();
    assert!(styles.iter().all(balance), "{styles:?}");
}

#[test]
fn a_plot_without_numbers_is_empty_and_still_a_picture() {
    let empty = Plot { layers: vec![Layer::new("", 0, Shape::Line(vec![(0.0, f64::NAN)]))], ..plot() };
    assert!(empty.is_empty() && empty.svg().ends_with("</svg>"));
}
