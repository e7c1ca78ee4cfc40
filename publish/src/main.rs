//! `sameday-publish`: the release side from a terminal. Thin: what it does is in the library.

mod commands;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use sameday_publish::args::image::ImageArgs;
use sameday_publish::args::{
    Args, Command, InitArgs, KitArgs, LayerArgs, PassphraseArgs, PrepareRootArgs, ReleaseArgs, Signing, TimestampArgs,
};
use sameday_publish::error::Error;
use sameday_publish::image::{StickImage, image};
use sameday_publish::init::{Init, init};
use sameday_publish::keys::Passphrase;
use sameday_publish::kit::{KitRequest, kit};
use sameday_publish::layer::{LayerOptions, layer};
use sameday_publish::prepare_root::{Image, prepare_root};
use sameday_publish::release::{NewVersion, Release, Way, release};
use sameday_publish::timestamp::{Renewal, renew};
use sameday_trust::Time;

/// Exit code for a command line that makes no sense (sysexits.h).
const USAGE: u8 = 64;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let failed = error.print().is_err();
            return if error.use_stderr() || failed { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let outcome = match args.command {
        Command::Init(args) => run_init(*args),
        Command::Layer(args) => run_layer(args),
        Command::Release(args) => run_release(*args),
        Command::Timestamp(args) => run_timestamp(args),
        Command::Kit(args) => run_kit(args),
        Command::PrepareRoot(args) => run_prepare_root(*args),
        Command::Image(args) => run_image(*args),
        Command::Ceremony(command) => commands::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("sameday-publish: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn run_init(args: InitArgs) -> Outcome {
    let Signing { repository, keys, passphrase: how, now: at } = args.signing;
    let passphrase = passphrase(&how, true)?;
    let mut plan = Init::new(repository, keys, now(at));
    if !args.channels.is_empty() {
        plan.channels = args.channels;
    }
    (plan.root, plan.targets) = (args.root, args.targets);
    (plan.snapshot, plan.timestamp, plan.channel) = (args.snapshot, args.timestamp, args.channel);
    let repository = init(&plan, &passphrase)?;
    let channels: Vec<_> = repository.channels().collect();
    println!("repository {} with channels {}", repository.path().display(), channels.join(", "));
    println!("keys in {}: take those of root and targets offline", plan.keys.display());
    Ok(())
}

fn run_layer(args: LayerArgs) -> Outcome {
    let time = u32::try_from(args.time.unix()).map_err(|_| "the layer's time must lie between 1970 and 2106")?;
    let options = LayerOptions { time, compressor: args.compressor, processors: args.processors };
    let summary = layer(&args.old_root, &args.new_root, &args.out, &options)?;
    println!("{}", serde_json::to_string_pretty(&summary)?);
    Ok(())
}

fn run_prepare_root(args: PrepareRootArgs) -> Outcome {
    let arti = args.arti.as_deref().map(read_text).transpose()?;
    let image = Image {
        product: args.product,
        version: args.version,
        channel: args.channel,
        architecture: args.architecture,
        built: now(args.built).to_string(),
        base_urls: args.base_urls,
        tor: args.tor,
        arti,
        repository: args.repository,
    };
    prepare_root(&args.root, &image)?;
    println!("{} is an image of {} {}", args.root.display(), image.product, image.version);
    Ok(())
}

fn run_image(args: ImageArgs) -> Outcome {
    let time = match (args.time, std::env::var("SOURCE_DATE_EPOCH")) {
        (Some(time), _) => time.unix(),
        (None, Ok(text)) => text.parse().map_err(|_| format!("SOURCE_DATE_EPOCH is not a number: {text:?}"))?,
        // The time of the build would make each image another one.
        (None, Err(_)) => return Err("give the time of all files: --time, or SOURCE_DATE_EPOCH".into()),
    };
    let stick = StickImage {
        base: args.base,
        kernel: args.kernel,
        initrd: args.initrd,
        time: u32::try_from(time).map_err(|_| "the image's time must lie between 1980 and 2106")?,
        parameters: args.parameters,
        efi: args.efi,
        system_mib: args.system_mib,
        luks_mib: args.luks_mib,
    };
    println!("{}", serde_json::to_string_pretty(&image(&stick, &args.out)?)?);
    Ok(())
}

fn run_release(args: ReleaseArgs) -> Outcome {
    let Signing { repository, keys, passphrase: how, now: at } = args.signing;
    let mut from = Vec::new();
    for pair in args.layers {
        from.push((pair.initial, Way::Layer(pair.path)));
    }
    from.extend(args.manual.into_iter().map(|initial| (initial, Way::Manual)));
    let new = match args.version {
        Some(version) => {
            let mut notes = BTreeMap::new();
            for (language, path) in args.notes {
                notes.insert(language, read_text(&path)?);
            }
            let fixes = match args.fixes {
                Some(path) => serde_json::from_str(&read_text(&path)?)
                    .map_err(|source| Error::Json { what: "the list of fixes", source })?,
                None => Vec::new(),
            };
            Some(NewVersion {
                version,
                from,
                kernel: args.kernel,
                initrd: args.initrd,
                notes,
                fixes,
                details_url: args.details_url,
                test_record: args.test_record,
            })
        }
        None => None,
    };
    let plan = Release {
        repository,
        keys,
        channel: args.channel,
        product: args.product,
        architecture: args.architecture,
        new,
        withdraw: args.withdraw,
        now: now(at),
    };
    if let Some(out) = args.request {
        return commands::run_release_request(&plan, &out);
    }
    let released = release(&plan, &passphrase(&how, false)?)?;
    println!("{} {}", released.path, released.digest);
    let [channel, snapshot, timestamp] = released.versions;
    println!("{} {channel}, snapshot {snapshot}, timestamp {timestamp}", plan.channel);
    Ok(())
}

fn run_timestamp(args: TimestampArgs) -> Outcome {
    let Signing { repository, keys, passphrase: how, now: at } = args.signing;
    let renewed = renew(&Renewal { repository, keys, now: now(at) }, &passphrase(&how, false)?)?;
    println!("timestamp {}", renewed.timestamp);
    if let Some(snapshot) = renewed.snapshot {
        println!("snapshot {snapshot}");
    }
    Ok(())
}

fn run_kit(args: KitArgs) -> Outcome {
    let path = kit(&KitRequest {
        repository: args.repository,
        channel: args.channel,
        product: args.product,
        architecture: args.architecture,
        initial_version: args.initial_version,
        out: args.out,
    })?;
    println!("{}", path.display());
    Ok(())
}

/// The one place where this program looks at the clock.
fn now(given: Option<Time>) -> Time {
    given.unwrap_or_else(|| Time::from_unix(jiff::Timestamp::now().as_second()))
}

fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })
}

fn passphrase(how: &PassphraseArgs, is_new: bool) -> Result<Passphrase, Box<dyn std::error::Error>> {
    if let Some(path) = &how.passphrase_file {
        return Ok(Passphrase::read(path)?);
    }
    if let Some(descriptor) = how.passphrase_fd {
        return Ok(Passphrase::read(Path::new(&format!("/dev/fd/{descriptor}")))?);
    }
    if !std::io::stdin().is_terminal() {
        return Err("no terminal to ask for a passphrase: give --passphrase-file or --passphrase-fd".into());
    }
    let typed = Passphrase::new(rpassword::prompt_password("Passphrase of the keys: ")?)?;
    if is_new && !Passphrase::new(rpassword::prompt_password("Once more: ")?)?.same_as(&typed) {
        return Err("the two passphrases are not the same".into());
    }
    Ok(typed)
}
