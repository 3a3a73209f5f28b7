//! Files of the marketplace, as another server may have left them.

use agentchat_market::{Limits, Market, files::File};

/// Any text: the reader ends, what it took can be kept, and what is written of it is read again.
pub fn files(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else {
        return;
    };
    let file = File::ALL[usize::from(*which) % File::ALL.len()];
    let text = String::from_utf8_lossy(rest);
    let Ok(records) = file.read(&text) else {
        return;
    };
    let written = file.write(&records);
    let again = match file.read(&written) {
        Ok(again) => again,
        Err(error) => panic!("{error}: {written:?} from {text:?}"),
    };
    assert_eq!(file.write(&again), written, "from {text:?}");
    let mut market = Market::restore(Limits::default(), records);
    drop(market.tick(i64::MAX / 2));
}
