//! `prony config explain`: what a setting means.

use clap::Args;

use crate::{
    cli::{
        exit::{Exit, Failure},
        refusal, terminal,
    },
    config::{
        flags::{PHASE_SETTINGS, PHASES},
        keys::{Key, Keys, flag_name, in_file},
        words::Shape,
    },
};

/// Which setting.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Its name, as in a file or as a flag [default: all].
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
}

/// Prints what is known of a setting, or all their names.
pub(super) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let keys = Keys::all();
    let all = || keys.iter().map(|key| vec![key.in_file(), key.summary.clone()]).collect::<Vec<_>>();
    let text = match &args.key {
        Some(name) => explanation(found(name, &keys)?),
        None => terminal::rows(&all()),
    };
    terminal::print(&text)?;
    Ok(Exit::Success)
}

fn found<'a>(name: &str, keys: &'a Keys) -> Result<&'a Key, Failure> {
    let bare = name.trim_start_matches('-');
    keys.find(bare).ok_or_else(|| {
        let failure = Failure::statement(Exit::Usage, format!("there is no setting `{name}`"));
        let elsewhere = refusal::known_elsewhere(&format!("--{}", flag_name(bare))).map(|(_, hint)| hint);
        let near = || keys.near(bare).map(|near| format!("did you mean `{}`?", near.in_file()));
        let all = || "`prony config explain` lists all of them".to_owned();
        failure.with_hint(elsewhere.or_else(near).unwrap_or_else(all))
    })
}

fn explanation(key: &Key) -> String {
    let screen = terminal::screen();
    let details = key.details.split("\n\n").filter(|paragraph| !paragraph.is_empty());
    let paragraphs = std::iter::once(key.summary.as_str()).chain(details).map(|paragraph| {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        screen.paragraph("", &words) + "\n\n"
    });
    let text: String = paragraphs.collect();
    let takes = match key.shape {
        Shape::Switch => "true or false".to_owned(),
        Shape::Single => key.placeholder.clone(),
        Shape::List if key.name == PHASES => "a list of mappings".to_owned(),
        Shape::List => format!("{}, or a list of them", key.placeholder),
    };
    let mut rows = vec![("in a file", format!("{}: {takes}", key.in_file()))];
    if key.name == PHASES {
        rows.push(("settings", PHASE_SETTINGS.map(in_file).join(", ")));
    } else {
        rows.push(("flag", format!("--{} {}", key.name, key.placeholder).trim_end().to_owned()));
        rows.push(("variable", key.variable()));
    }
    if !key.others.is_empty() {
        rows.push(("other names", key.others.join(", ")));
    }
    if !key.choices.is_empty() {
        rows.push(("choices", key.choices.join(", ")));
    }
    rows.extend(key.default.iter().map(|default| ("default", default.clone())));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    text + &terminal::rows(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_any_of_its_names() {
        let keys = Keys::all();
        let name = |typed: &str| found(typed, &keys).map(|key| key.name.clone());
        for typed in ["request_count", "--request-count", "requestCount", "num_requests"] {
            assert_eq!(name(typed).as_deref(), Ok("request-count"));
        }
        assert_eq!(name("max_seconds").unwrap_err().hint.as_deref(), Some("use `--benchmark-duration`"));
        assert_eq!(name("requst_count").unwrap_err().hint.as_deref(), Some("did you mean `request_count`?"));
    }
}
