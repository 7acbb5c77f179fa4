//! `stipple-controller forget`.

use std::path::PathBuf;
use std::process::ExitCode;

use stipple_controller::forget::{Forgetting, Found, check_order, find, removed_before};
use stipple_controller::record::Order;
use stipple_model::say;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  stipple-controller forget C-17 --in records --by 'A. Operator' --why 'asked for it in writing' --dry-run
  stipple-controller forget C-17 --in records --by 'A. Operator' --why 'asked for it in writing'

Removed are, in the folder and those in it: records whose sittings name the client, with the files beside them (-wal, -shm, .head); reports,
tables and JSON that this program made of them; TOML files whose `client`, or `client` of [fitted], is the client (answers, sittings, fitted
treatments); plans that were fitted to the client; the client's rows in the registries. A cartridge that was used stays in its registry
as used, without its session: a needle must never come back.
A stub stays in forgotten.jsonl: when, by whom, why, how many records and strikes, and in place of the id an HMAC of it by the key in
forgotten.key. With the key, asking again tells when a client was removed; keep it from whoever gets the stubs, or destroy it.
Nothing is removed while one of the records is open in another process. If it is broken off, do it again: it goes on where it was.

Not reached: scans, and treatments and plans fitted to nobody, which name no client (remove them yourself, they hold the shape of the
head); files outside of the folder, such
as a registry kept elsewhere (`resume --registry`), paper and e-mail; backups and snapshots; what the file system or an SSD keeps of blocks
that were freed. Files are not overwritten before they are removed, since journals, copy-on-write and wear levelling write elsewhere: only
an encrypted disk answers that. Within registries SQLite overwrites what is deleted (secure_delete).

Exit code: 0 removed, 1 there is nothing of the client, or records are left of which it cannot be told whose they are, 2 refused or failed.")]
pub struct Args {
    /// The client's id.
    client: String,
    /// The folder with records and registry.
    #[arg(long = "in", value_name = "FOLDER")]
    folder: PathBuf,
    /// Who orders it; kept.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why; kept, and not to name the client.
    #[arg(long, value_name = "REASON")]
    why: String,
    /// Only tell what would be removed.
    #[arg(long)]
    dry_run: bool,
}

/// Finishes what was broken off, then finds, removes and tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let order = Order {
        by: args.by.clone(),
        why: args.why.clone(),
    };
    check_order(&args.client, &order)?;
    let mut finished = false;
    if !args.dry_run
        && let Some(mut before) = Forgetting::unfinished(&args.folder)?
    {
        say!("going on with a removal that was broken off:")?;
        finished = before.client() == args.client;
        work_off(&mut before)?;
    }
    let found = find(&args.folder, &args.client)?;
    for unclear in &found.unclear {
        eprintln!(
            "{}: left, it cannot be told whose it is: {}",
            unclear.path.display(),
            unclear.why
        );
    }
    if found.is_nothing() {
        if !finished {
            say!(
                "there is nothing of client {} in {}",
                args.client,
                args.folder.display()
            )?;
        }
        for stub in removed_before(&args.folder, &args.client)? {
            say!(
                "removed on {} UTC by {}: {}",
                stub.at_utc,
                stub.by,
                stub.why
            )?;
        }
        return Ok(ExitCode::from(u8::from(
            !finished || !found.unclear.is_empty(),
        )));
    }
    if args.dry_run {
        tell(&found)?;
    } else {
        let mut removal =
            Forgetting::begin(&args.folder, &args.client, &order, &found, super::now_us())?;
        let (records, strikes) = removal.counts();
        work_off(&mut removal)?;
        say!(
            "client {} removed: {records} records with {strikes} strikes",
            args.client
        )?;
        say!("scans and plans name no client: remove them yourself")?;
    }
    Ok(ExitCode::from(u8::from(!found.unclear.is_empty())))
}

fn work_off(removal: &mut Forgetting) -> anyhow::Result<()> {
    while let Some(said) = removal.step()? {
        say!("{said}")?;
    }
    Ok(())
}

fn tell(found: &Found) -> anyhow::Result<()> {
    for record in &found.records {
        say!(
            "would remove {} ({} strikes)",
            record.path.display(),
            record.strikes
        )?;
    }
    for paper in &found.papers {
        say!("would remove {}", paper.display())?;
    }
    for registry in &found.registries {
        say!("would take the client's rows out of {}", registry.display())?;
    }
    Ok(())
}
