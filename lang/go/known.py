"""Popular Go modules by the names that people use for them."""

from __future__ import annotations

import functools
import re

_GITHUB = "github.com/"

# A line a name: the import path meant by it, then others that could be. ~/ is github.com/, x/ is golang.org/x/.
_TABLE = """
afero ~/spf13/afero
argon2 x/crypto/argon2
asynq ~/hibiken/asynq
aws ~/aws/aws-sdk-go-v2
azidentity ~/Azure/azure-sdk-for-go/sdk/azidentity
b3 ~/zeebo/blake3
backoff ~/cenkalti/backoff/v5
badger ~/dgraph-io/badger/v4
bbolt go.etcd.io/bbolt
bcrypt x/crypto/bcrypt
bigcache ~/allegro/bigcache/v3
blackfriday ~/russross/blackfriday/v2
blake2b x/crypto/blake2b
blake3 ~/zeebo/blake3 lukechampine.com/blake3
bleve ~/blevesearch/bleve/v2
bluemonday ~/microcosm-cc/bluemonday
bolt go.etcd.io/bbolt
brotli ~/andybalholm/brotli ~/google/brotli/go/cbrotli
bubbles ~/charmbracelet/bubbles
bubbletea ~/charmbracelet/bubbletea
buntdb ~/tidwall/buntdb
casbin ~/casbin/casbin/v2
cast ~/spf13/cast
chacha20poly1305 x/crypto/chacha20poly1305
chi ~/go-chi/chi/v5
clickhouse ~/ClickHouse/clickhouse-go/v2
cmp ~/google/go-cmp/cmp
cobra ~/spf13/cobra
color ~/fatih/color
colly ~/gocolly/colly/v2
copier ~/jinzhu/copier
cors ~/rs/cors
cron ~/robfig/cron/v3
csrf ~/gorilla/csrf
decimal ~/shopspring/decimal ~/cockroachdb/apd/v3
delve ~/go-delve/delve
diff ~/google/go-cmp/cmp ~/sergi/go-diff/diffmatchpatch
diffmatchpatch ~/sergi/go-diff/diffmatchpatch
dns ~/miekg/dns
docker ~/docker/docker/client
dotenv ~/joho/godotenv
easyjson ~/mailru/easyjson
echo ~/labstack/echo/v4
elasticsearch ~/elastic/go-elasticsearch/v8
ent entgo.io/ent
env ~/caarlos0/env/v11
envconfig ~/kelseyhightower/envconfig
errgroup x/sync/errgroup
errors ~/pkg/errors
etcd go.etcd.io/etcd/client/v3
excelize ~/xuri/excelize/v2
exp x/exp
expr ~/expr-lang/expr
fasthttp ~/valyala/fasthttp
fiber ~/gofiber/fiber/v2
flags ~/jessevdk/go-flags
fsnotify ~/fsnotify/fsnotify
fuzzysearch ~/lithammer/fuzzysearch/fuzzy
fx go.uber.org/fx
gin ~/gin-gonic/gin
ginkgo ~/onsi/ginkgo/v2
git ~/go-git/go-git/v5
gjson ~/tidwall/gjson
glob ~/gobwas/glob
goconvey ~/smartystreets/goconvey
godotenv ~/joho/godotenv
gofakeit ~/brianvoe/gofakeit/v7
goldmark ~/yuin/goldmark
goleak go.uber.org/goleak
gomega ~/onsi/gomega
gomock go.uber.org/mock/gomock
gonum gonum.org/v1/gonum
gopsutil ~/shirou/gopsutil/v4
goquery ~/PuerkitoBio/goquery
gorm gorm.io/gorm
goose ~/pressly/goose/v3
gorilla/mux ~/gorilla/mux
gqlgen ~/99designs/gqlgen
graphql ~/graphql-go/graphql ~/99designs/gqlgen ~/graph-gophers/graphql-go
groupcache ~/golang/groupcache
grpc google.golang.org/grpc
gtest gotest.tools/v3
hashids ~/speps/go-hashids/v2
hcl ~/hashicorp/hcl/v2
html x/net/html
http2 x/net/http2
httprouter ~/julienschmidt/httprouter
httptreemux ~/dimfeld/httptreemux/v5
huh ~/charmbracelet/huh
humanize ~/dustin/go-humanize
ini gopkg.in/ini.v1
isatty ~/mattn/go-isatty
jsonpatch ~/evanphx/json-patch/v5
jsoniter ~/json-iterator/go
jsonschema ~/santhosh-tekuri/jsonschema/v6 ~/invopop/jsonschema
jwt ~/golang-jwt/jwt/v5 ~/lestrrat-go/jwx/v3/jwt
jwx ~/lestrrat-go/jwx/v3
kafka ~/segmentio/kafka-go ~/twmb/franz-go/pkg/kgo ~/confluentinc/confluent-kafka-go/v2/kafka
kgo ~/twmb/franz-go/pkg/kgo
klog k8s.io/klog/v2
koanf ~/knadh/koanf/v2
kong ~/alecthomas/kong
leveldb ~/syndtr/goleveldb/leveldb
lipgloss ~/charmbracelet/lipgloss
lo ~/samber/lo
logr ~/go-logr/logr
logrus ~/sirupsen/logrus
lru ~/hashicorp/golang-lru/v2
lumberjack gopkg.in/natefinch/lumberjack.v2
lz4 ~/pierrec/lz4/v4
mapstructure ~/go-viper/mapstructure/v2
markdown ~/yuin/goldmark ~/gomarkdown/markdown
migrate ~/golang-migrate/migrate/v4
minio ~/minio/minio-go/v7
mod x/mod
modfile x/mod/modfile
mongo go.mongodb.org/mongo-driver/v2/mongo
msgpack ~/vmihailenco/msgpack/v5
multierr go.uber.org/multierr
multierror ~/hashicorp/go-multierror
mux ~/gorilla/mux
mysql ~/go-sql-driver/mysql
nanoid ~/matoous/go-nanoid/v2
nats ~/nats-io/nats.go
negroni ~/urfave/negroni/v3
oauth2 x/oauth2
oidc ~/coreos/go-oidc/v3/oidc
opentelemetry go.opentelemetry.io/otel
ordered ~/wk8/go-ordered-map/v2
otel go.opentelemetry.io/otel
otp ~/pquerna/otp
packages x/tools/go/packages
participle ~/alecthomas/participle/v2
pebble ~/cockroachdb/pebble/v2
pflag ~/spf13/pflag
pgx ~/jackc/pgx/v5
postgres ~/jackc/pgx/v5 ~/lib/pq
pq ~/lib/pq
progressbar ~/schollz/progressbar/v3
prometheus ~/prometheus/client_golang/prometheus
promhttp ~/prometheus/client_golang/prometheus/promhttp
proto google.golang.org/protobuf/proto
protobuf google.golang.org/protobuf
pty ~/creack/pty
qrcode ~/skip2/go-qrcode
quic ~/quic-go/quic-go
rabbitmq ~/rabbitmq/amqp091-go
amqp ~/rabbitmq/amqp091-go
rapid pgregory.net/rapid
rate x/time/rate
redis ~/redis/go-redis/v9
require ~/stretchr/testify/require
assert ~/stretchr/testify/assert
resty ~/go-resty/resty/v2
retry ~/avast/retry-go/v4 ~/cenkalti/backoff/v5
retryablehttp ~/hashicorp/go-retryablehttp
ristretto ~/dgraph-io/ristretto/v2
roaring ~/RoaringBitmap/roaring/v2
rod ~/go-rod/rod
s2 ~/klauspost/compress/s2
sarama ~/IBM/sarama
scrypt x/crypto/scrypt
securecookie ~/gorilla/securecookie
semaphore x/sync/semaphore
semver ~/Masterminds/semver/v3 x/mod/semver
sentry ~/getsentry/sentry-go
sessions ~/gorilla/sessions
sha3 x/crypto/sha3
singleflight x/sync/singleflight
sjson ~/tidwall/sjson
snappy ~/golang/snappy ~/klauspost/compress/snappy
sonic ~/bytedance/sonic
spew ~/davecgh/go-spew/spew
sprig ~/Masterminds/sprig/v3
sqlc ~/sqlc-dev/sqlc
sqlite modernc.org/sqlite ~/mattn/go-sqlite3
sqlite3 ~/mattn/go-sqlite3 modernc.org/sqlite
sqlmock ~/DATA-DOG/go-sqlmock
sqlx ~/jmoiron/sqlx
squirrel ~/Masterminds/squirrel
ssh x/crypto/ssh
stripe ~/stripe/stripe-go/v82
survey ~/AlecAivazis/survey/v2
sync x/sync
tablewriter ~/olekukonko/tablewriter
tail ~/nxadm/tail
tcell ~/gdamore/tcell/v2
templ ~/a-h/templ
term x/term
testcontainers ~/testcontainers/testcontainers-go
testify ~/stretchr/testify
text x/text
toml ~/BurntSushi/toml ~/pelletier/go-toml/v2
tools x/tools
treesitter ~/tree-sitter/go-tree-sitter
tview ~/rivo/tview
ulid ~/oklog/ulid/v2
unix x/sys/unix
urfave/cli ~/urfave/cli/v3 ~/urfave/cli/v2
cli ~/urfave/cli/v3 ~/spf13/cobra
uuid ~/google/uuid ~/gofrs/uuid/v5
validator ~/go-playground/validator/v10
vault ~/hashicorp/vault/api
viper ~/spf13/viper
websocket ~/coder/websocket ~/gorilla/websocket
wire ~/google/wire
xid ~/rs/xid
xxhash ~/cespare/xxhash/v2
yaml go.yaml.in/yaml/v3 gopkg.in/yaml.v3 ~/goccy/go-yaml sigs.k8s.io/yaml
zap go.uber.org/zap
zerolog ~/rs/zerolog
zstd ~/klauspost/compress/zstd
"""

_MAJOR = re.compile(r"/v\d+$")
_VERSION = re.compile(r"v\d+(/|$)")


def _expanded(word: str) -> str:
    if word.startswith("~/"):
        return _GITHUB + word[2:]
    return f"golang.org/{word}" if word.startswith("x/") else word


@functools.cache
def _read() -> dict[str, tuple[str, ...]]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return {name: tuple(_expanded(path) for path in paths) for name, *paths in rows}


def known(name: str) -> tuple[str, ...]:
    """Return the import paths that a loose name may mean, likeliest first; `()` for a name that isn't known.

    `go-redis`, `redis-go`, `redis/v9`, `gorilla/mux`, `x/sync` and `testify/suite` are understood.
    """
    word = name.strip("/").lower()
    if word.startswith("x/"):
        return (_expanded(word),)
    table = _read()
    for key in (word, *_variants(word)):
        if key in table:
            return table[key]
    first, _, rest = word.partition("/")
    if not rest:
        return ()
    if first in table:
        base = table[first][0]
        return (f"{without_major(base) if _VERSION.match(rest) else base}/{rest}",)
    return tuple(path for path in paths() if without_major(path).lower().endswith(f"/{_MAJOR.sub('', word)}"))


def paths() -> tuple[str, ...]:
    """Return all import paths of the table."""
    return tuple(dict.fromkeys(path for found in _read().values() for path in found))


def without_major(path: str) -> str:
    """Return an import path without the `/vN` at its end."""
    return _MAJOR.sub("", path)


def _variants(word: str) -> tuple[str, ...]:
    stripped = re.sub(r"^(go|golang)[-_.]|[-_.](go|golang)$", "", word)
    return stripped, stripped.replace("-", ""), stripped.replace("_", "")
