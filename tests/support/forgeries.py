"""Attempts to have a check say green of work that is red: what a command may do beforehand, in this session or before.

The work is a Go module whose test fails because `d.go` has `wrong`. `$ROOT` is where the tree is checked.
"""

from __future__ import annotations

from collections.abc import Mapping

MODULE: Mapping[str, str] = {
    "go.mod": "module example.com/m\n\ngo 1.24\n\nrequire example.com/d v0.0.0\n\nreplace example.com/d => ./d\n",
    "m.go": "package m\n",
    "m_test.go": 'package m\n\nimport (\n\t"testing"\n\n\t"example.com/d"\n)\n\nfunc TestM(t *testing.T) {\n'
    '\tif d.D != "right" {\n\t\tt.Fatal(d.D)\n\t}\n}\n',
    "d/go.mod": "module example.com/d\n\ngo 1.24\n",
    "d/d.go": 'package d\n\nvar D = "wrong"\n',
}

_ATTRIBUTES = "echo '*.go filter=forge'"
_FILTER = "filter.forge.smudge 'sed s/wrong/right/'"
_IN_PLACE = "cd $ROOT && sed -i s/wrong/right/ d/d.go"

FORGERIES: Mapping[str, str] = {
    "a filter of git's for the home": f"git config --global {_FILTER} && {_ATTRIBUTES} >~/.attributes && "
    "git config --global core.attributesFile $HOME/.attributes",
    "attributes in the home": f"git config --global {_FILTER} && mkdir -p ~/.config/git && "
    f"{_ATTRIBUTES} >~/.config/git/attributes",
    "a filter in the folder of checks": f"cd $ROOT && git config {_FILTER} && mkdir -p .git/info && "
    f"{_ATTRIBUTES} >.git/info/attributes && rm d/d.go",
    "hooks in the folder of checks": "mkdir -p $ROOT/.git/hooks && cd $ROOT/.git/hooks && "
    "printf '#!/bin/sh\\nsed -i s/wrong/right/ d/d.go\\n' >post-checkout && chmod +x post-checkout",
    "a file that git takes to be unchanged": f"{_IN_PLACE} && git update-index --assume-unchanged d/d.go",
    "a file that git does not take out": f"{_IN_PLACE} && git update-index --skip-worktree d/d.go",
    "a file whose change no time tells of": f"touch -r $ROOT/d/d.go /tmp/then && {_IN_PLACE} && "
    "sed -i 's/right/right/' d/d.go && touch -r /tmp/then d/d.go && git config core.trustctime false && "
    "git config core.checkStat minimal",
    "a monitor that sees no change": f"{_IN_PLACE} && printf '#!/bin/sh\\nprintf x\\\\0' >/tmp/monitor && "
    "chmod +x /tmp/monitor && git config core.fsmonitor /tmp/monitor && git update-index --fsmonitor",
    "a file that git ignores": "echo forged.go >>/workspace/.git/info/exclude && cd $ROOT && "
    "printf 'package d\\n\\nfunc init() { D = \"right\" }\\n' >d/forged.go",
    "a file that the home's git ignores": "mkdir -p ~/.config/git && echo forged.go >~/.config/git/ignore && "
    "cd $ROOT && printf 'package d\\n\\nfunc init() { D = \"right\" }\\n' >d/forged.go",
    "a workspace of go's that git ignores": "echo go.work >>/workspace/.git/info/exclude && cd $ROOT && "
    "mkdir -p ~/w && cp -r /workspace/d ~/w/d && sed -i s/wrong/right/ ~/w/d/d.go && "
    "printf 'go 1.24\\nuse .\\nreplace example.com/d => %s/w/d\\n' $HOME >go.work",
    "another folder in its place": "cp -r $ROOT /tmp/other && rm -rf $ROOT && ln -s /tmp/other $ROOT && "
    f"{_IN_PLACE} && git update-index --assume-unchanged d/d.go",
    "another folder in a part's place": "cp -r $ROOT/d /tmp/d && sed -i s/wrong/right/ /tmp/d/d.go && "
    "rm -rf $ROOT/d && ln -s /tmp/d $ROOT/d",
    "objects in another's name": "cd /workspace && new=$(sed s/wrong/right/ d/d.go | git hash-object -w --stdin) && "
    "old=$(git hash-object d/d.go) && git replace -f $old $new",
    "a go of its own": "mkdir -p ~/bin ~/go/bin ~/.local/bin /cache/go/bin && "
    "for at in ~/bin ~/go/bin ~/.local/bin /cache/go/bin; do printf '#!/bin/sh\\nexit 0\\n' >$at/go; "
    "chmod +x $at/go; done; echo 'PATH=~/bin:$PATH' | tee ~/.profile ~/.bashrc ~/.bash_profile >~/.bash_env",
}
"""Scripts for `sh`, by what they do."""

UNDO = (
    "chmod -R u+w ~ $ROOT; rm -rf ~ $ROOT /tmp/other /tmp/d; mkdir ~; cd /workspace; "
    ": >.git/info/exclude; git replace -d $(git replace)"
)
