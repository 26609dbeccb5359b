//! Temperature sensors.

use super::Roots;

/// One sensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Temperature {
    /// Chip, device and label, such as `coretemp coretemp.0 Core 0`: unique on the machine.
    pub sensor: String,
    /// Now.
    pub celsius: f64,
    /// Above this it is too warm, says the chip.
    pub maximum_celsius: Option<f64>,
    /// Above this it may break or shut down, says the chip.
    pub critical_celsius: Option<f64>,
}

#[cfg(target_os = "linux")]
pub(super) use linux::read;

/// Not by `sysinfo`: its labels may be the same for two chips of one kind, and its maximum is the highest it has seen.
#[cfg(target_os = "linux")]
mod linux {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use super::{Roots, Temperature};

    /// A machine without sensors, as most virtual ones are, has none; that is not a failure.
    pub(in super::super) fn read(roots: &Roots) -> Result<Vec<Temperature>, String> {
        let mut chips = entries(&roots.sys.join("class/hwmon"));
        chips.sort();
        let mut sensors: Vec<Temperature> = chips.iter().flat_map(|chip| sensors(chip)).collect();
        tell_apart(&mut sensors);
        Ok(sensors)
    }

    fn entries(directory: &Path) -> Vec<PathBuf> {
        let Ok(listing) = fs::read_dir(directory) else {
            return Vec::new();
        };
        listing.filter_map(|entry| Some(entry.ok()?.path())).collect()
    }

    fn text(path: &Path) -> Option<String> {
        Some(fs::read_to_string(path).ok()?.trim().to_owned())
    }

    fn celsius(path: &Path) -> Option<f64> {
        let thousandths: i64 = text(path)?.parse().ok()?;
        Some(thousandths as f64 / 1e3)
    }

    fn sensors(chip: &Path) -> Vec<Temperature> {
        let name = chip_name(chip);
        let mut channels: Vec<String> = entries(chip).iter().filter_map(|path| channel(path)).collect();
        channels.sort();
        channels
            .iter()
            .filter_map(|channel| sensor(chip, &name, channel))
            .collect()
    }

    /// `temp1` of `temp1_input`.
    fn channel(path: &Path) -> Option<String> {
        let channel = path.file_name()?.to_str()?.strip_suffix("_input")?;
        channel.starts_with("temp").then(|| channel.to_owned())
    }

    /// Name of the driver, and the device it drives, which tells two of a kind apart and survives a restart.
    fn chip_name(chip: &Path) -> String {
        let name = text(&chip.join("name"));
        let device = fs::canonicalize(chip.join("device")).ok();
        let device = device
            .as_deref()
            .and_then(Path::file_name)
            .map(|device| device.to_string_lossy().into_owned());
        let number = || chip.file_name().map(|number| number.to_string_lossy().into_owned());
        [name, device.or_else(number)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// None: the sensor is there and cannot be read, as when its device sleeps.
    fn sensor(chip: &Path, chip_name: &str, channel: &str) -> Option<Temperature> {
        let attribute = |what: &str| chip.join(format!("{channel}_{what}"));
        let label = text(&attribute("label"))
            .filter(|label| !label.is_empty())
            .unwrap_or_else(|| channel.to_owned());
        Some(Temperature {
            sensor: format!("{chip_name} {label}"),
            celsius: celsius(&attribute("input"))?,
            maximum_celsius: celsius(&attribute("max")),
            critical_celsius: celsius(&attribute("crit")),
        })
    }

    /// A chip may label two of its channels alike.
    fn tell_apart(sensors: &mut [Temperature]) {
        let mut seen = BTreeSet::new();
        for sensor in sensors {
            let label = sensor.sensor.clone();
            let mut number = 2;
            while !seen.insert(sensor.sensor.clone()) {
                sensor.sensor = format!("{label} {number}");
                number += 1;
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn sensors_are_named_by_chip_device_and_label() {
            let root = tempfile::tempdir().expect("a directory");
            let roots = Roots::under(root.path());
            roots.write("sys/class/hwmon/hwmon0/name", "coretemp\n");
            roots.write("sys/class/hwmon/hwmon0/device/x", "");
            roots.write("sys/class/hwmon/hwmon0/temp1_input", "41500\n");
            roots.write("sys/class/hwmon/hwmon0/temp1_label", "Core 0\n");
            roots.write("sys/class/hwmon/hwmon0/temp1_crit", "100000\n");
            roots.write("sys/class/hwmon/hwmon0/temp2_input", "42000\n");
            roots.write("sys/class/hwmon/hwmon0/temp2_label", "Core 0\n");
            roots.write("sys/class/hwmon/hwmon1/name", "nvme\n");
            roots.write("sys/class/hwmon/hwmon1/temp1_input", "asleep\n");
            let sensors = read(&roots).expect("readable");
            let [first, second] = sensors.as_slice() else {
                panic!("two sensors, not {sensors:?}")
            };
            assert_eq!(first.sensor, "coretemp device Core 0");
            assert_eq!(
                (first.celsius, first.maximum_celsius, first.critical_celsius),
                (41.5, None, Some(100.0))
            );
            assert_eq!(second.sensor, "coretemp device Core 0 2");
        }

        #[test]
        fn a_machine_without_sensors_has_none() {
            let root = tempfile::tempdir().expect("a directory");
            assert_eq!(read(&Roots::under(root.path())), Ok(Vec::new()));
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots) -> Result<Vec<Temperature>, String> {
    let components = sysinfo::Components::new_with_refreshed_list().map_err(|problem| problem.to_string())?;
    Ok(components.iter().filter_map(of).collect())
}

#[cfg(not(target_os = "linux"))]
fn of(component: &sysinfo::Component) -> Option<Temperature> {
    Some(Temperature {
        sensor: component.label().to_owned(),
        celsius: f64::from(component.temperature()?),
        maximum_celsius: component.max().map(f64::from),
        critical_celsius: component.critical().map(f64::from),
    })
}
