from __future__ import annotations

from collections.abc import Awaitable, Callable

from tools.base import ToolContext, ToolResult

Call = Callable[..., Awaitable[ToolResult]]


async def test_output_and_exit_code(call: Call):
    assert (await call("bash", command="echo out; echo err >&2; pwd")).content == "out\nerr\n/workspace"
    failed = await call("bash", command="echo no; exit 3")
    assert (failed.content, failed.is_error) == ("no\n[exit code 3]", False)
    assert (await call("bash", command="true")).content == "[no output, exit code 0]"
    assert (await call("bash", command="exit 1")).content == "[exit code 1]"


async def test_it_is_bash_with_the_sessions_environment(call: Call, context: ToolContext):
    context.environment = {"COLOUR": "blue"}
    assert (await call("bash", command="a=(1 2); echo ${a[1]} $COLOUR; cat")).content == "2 blue"


async def test_long_output_is_cut_and_kept(call: Call):
    result = await call("bash", command="seq 1 200000")
    assert result.content.startswith("1\n2\n3\n")
    assert "\n200000\n[Whole output: /tmp/bactrian/bash-1.log]" in result.content
    assert len(result.content) < 17_000
    tail = await call("bash", command="wc -l /tmp/bactrian/bash-1.log")
    assert tail.content.startswith("200000 ")


async def test_time_limit(call: Call):
    result = await call("bash", command="echo begun; sleep 60", timeout_s=1)
    assert result.content.startswith("begun\n[stopped after 1 s")
    assert "nohup" in result.content


async def test_another_limit_is_told_with_the_exit_code(call: Call):
    result = await call("bash", command="ulimit -f 1; exec head -c 100000 /dev/zero >/tmp/large")
    assert result.content == "[killed: a file grew too large; the session may write 20.0 GiB]\n[exit code 153]"


async def test_a_background_process_lives_on(call: Call):
    await call("bash", command="nohup sh -c 'sleep 0.3; echo late' >/tmp/log 2>&1 &")
    assert (await call("bash", command="sleep 0.8; cat /tmp/log")).content == "late"


async def test_output_comes_as_it_is_printed(call: Call, context: ToolContext):
    seen: list[str] = []
    context.on_output = seen.append
    await call("bash", command="echo one; sleep 0.2; echo two")
    assert "".join(seen) == "one\ntwo\n"
    assert len(seen) > 1


async def test_terminal_codes_are_left_out(call: Call):
    assert (await call("bash", command=r"printf '10%%\r100%%\n\033[31mred\033[0m\n'")).content == "100%\nred"
