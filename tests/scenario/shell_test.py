"""What `pinfo completion` prints works in the shells themselves."""
import shutil
import subprocess

import harness
from harness import check, check_equal, scenario


def completed(script, *words):
    """What bash offers for the last of the words."""
    listed = " ".join(f"'{word}'" for word in words)
    program = (f"source {script}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _pinfo; "
               "printf '%s\\n' \"${COMPREPLY[@]}\"")
    return subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True,
                          timeout=20).stdout.split()


@scenario(modes=["preload"], seconds=20)
def completion(context):
    """Commands, their options and those of all; nothing of another command's."""
    for shell in ("bash", "zsh", "fish"):
        script = context.home / f"pinfo.{shell}"
        script.write_text(context.pinfo("completion", shell).stdout)
        if shutil.which(shell):
            done = subprocess.run([shell, "-n", script], capture_output=True, text=True, timeout=20)
            check_equal(done.returncode, 0, f"{shell} -n: {done.stderr}")
    bash = context.home / "pinfo.bash"
    check_equal(completed(bash, "pinfo", "att"), ["attach"], "commands")
    check_equal(completed(bash, "pinfo", "--db", "x.db", "rep"), ["replay", "report"],
                "commands after a global option")
    check_equal(completed(bash, "pinfo", "attach", "--dur"), ["--duration"], "a command's option")
    check_equal(completed(bash, "pinfo", "requests", "--dur"), [], "another command's option")
    check_equal(completed(bash, "pinfo", "requests", "--js"), ["--json"], "a global option")
    check_equal(completed(bash, "pinfo", "db", "ba"), ["backup"], "a command of a command")
    every = set(completed(bash, "pinfo", ""))
    help_text = context.pinfo("--help").stdout.split("Subcommands:")[1]
    named = {line.split()[0] for line in help_text.splitlines()
             if line.startswith("  ") and not line.startswith("   ")}
    check(len(named) >= 20, f"commands of --help: {named}")
    check_equal(every, named, "every command of --help")
    context.pinfo("completion", "csh", status=2)


if __name__ == "__main__":
    harness.main()
