//! Load averages.

use super::Roots;

/// Tasks that run or wait, averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
}

#[cfg(target_os = "linux")]
pub(super) fn read(roots: &Roots) -> Result<Load, String> {
    parse(&roots.proc_text("loadavg")?).ok_or_else(|| "loadavg has an unknown form".to_owned())
}

#[cfg(target_os = "linux")]
fn parse(text: &str) -> Option<Load> {
    let mut numbers = text.split_ascii_whitespace().map_while(|word| word.parse().ok());
    Some(Load {
        one: numbers.next()?,
        five: numbers.next()?,
        fifteen: numbers.next()?,
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots) -> Result<Load, String> {
    let load = sysinfo::System::load_average().map_err(|problem| problem.to_string())?;
    Ok(Load {
        one: load.one,
        five: load.five,
        fifteen: load.fifteen,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_numbers_are_the_averages() {
        assert_eq!(
            parse("0.50 1.25 2.00 3/456 789\n"),
            Some(Load {
                one: 0.5,
                five: 1.25,
                fifteen: 2.0
            })
        );
        assert_eq!(parse("0.50 1.25"), None);
    }
}
