//! The commands in lines that somebody types into a shell.

/// The commands of ours in a text, as the words behind `prony`: each on a line of its own, or several in one.
pub fn commands_of(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let all: Vec<Vec<String>> = joined.lines().flat_map(commands).collect();
    all.iter().filter_map(|command| ours(command)).map(<[String]>::to_vec).collect()
}

/// What stands in a shell's line, cut into commands of words. What is written to files, and comments, are left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut is_file = false;
    let mut quote = None;
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match (quote, sign) {
            (Some(open), _) if sign == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(signs.next()),
            (None, '#') if word.is_none() => break,
            (None, '&' | '|' | ';' | '<' | '>' | '(' | ')') => {
                let is_redirection = matches!(sign, '<' | '>');
                // The number of a stream.
                let number = |word: &String| word.chars().all(|digit| digit.is_ascii_digit());
                word = word.filter(|word| !(is_redirection && number(word)));
                keep(&mut commands, &mut word, &mut is_file);
                while signs.next_if(|next| "&|;<>()".contains(*next)).is_some() {}
                is_file = is_redirection;
                if !is_redirection {
                    commands.push(Vec::new());
                }
            }
            (None, _) if sign.is_whitespace() => keep(&mut commands, &mut word, &mut is_file),
            _ => word.get_or_insert_default().push(sign),
        }
    }
    keep(&mut commands, &mut word, &mut is_file);
    commands
}

/// Ends a word. The name of a file that is written to is none of the command's.
fn keep(commands: &mut [Vec<String>], word: &mut Option<String>, is_file: &mut bool) {
    if let (Some(word), Some(command)) = (word.take(), commands.last_mut())
        && !std::mem::take(is_file)
    {
        command.push(word);
    }
}

/// Whether a word sets a variable of the environment.
fn is_variable(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    name.starts_with(|sign: char| sign.is_ascii_uppercase()) && !name.contains('-')
}

/// The words behind `prony`, where a command is one of ours.
fn ours(command: &[String]) -> Option<&[String]> {
    let command = &command[command.iter().take_while(|word| is_variable(word)).count()..];
    let (program, words) = command.split_first()?;
    (program == "prony" || program.ends_with("/prony")).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_as_a_shell_cuts_it() {
        let line = "A=1 prony profile --slo 'a < 1' \\\n  -q > out 2>&1 && ./bin/prony show last | head # prony runs\necho prony\n";
        let expected = [vec!["profile", "--slo", "a < 1", "-q"], vec!["show", "last"]];
        assert_eq!(commands_of(line), expected);
    }
}
