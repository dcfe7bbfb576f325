//! Who signs for what a command does.

/// Who does it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct By {
    /// Who does it; your name on this machine by default. Kept for whoever asks later.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// The name that is kept.
    pub(super) fn name(&self) -> String {
        let given = self.by.clone().into_iter();
        let known = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
        let mut names = given.chain(known).filter(|name| !name.trim().is_empty());
        names.next().unwrap_or_else(|| "unknown".to_owned())
    }
}
