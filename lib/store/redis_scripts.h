// SPDX-License-Identifier: Apache-2.0
// The scripts that run inside Redis. Numbers go through string.format: Lua
// would write large ones as 1e+15.
#ifndef ALLOT_LIB_STORE_REDIS_SCRIPTS_H_
#define ALLOT_LIB_STORE_REDIS_SCRIPTS_H_

#include "absl/strings/string_view.h"

namespace allot {

// KEYS: log, end. ARGV: after, the append that event `after` came with as far
// as the caller knows (or ''), this append's name, events...
// Returns {what, end}:
//   'done'   appended, or had been before the connection was lost
//   'moved'  the log ends elsewhere
//   'lost'   the log is not the one the caller knows
inline constexpr absl::string_view kAppendScript = R"lua(
local after = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[2], 'end', 'append')
local last = tonumber(meta[1] or '0')
local function id(n) return string.format('%.0f-0', n) end
local function name_of(n)
  local found = redis.call('XRANGE', KEYS[1], id(n), id(n))
  return found[1] and found[1][2][2]
end
if last == after then
  if ARGV[2] ~= '' and meta[2] ~= ARGV[2] then return {'lost', last} end
  if #ARGV == 3 then return {'done', last} end
  for i = 4, #ARGV do
    last = last + 1
    redis.call('XADD', KEYS[1], id(last), 'a', ARGV[3], 'e', ARGV[i])
  end
  redis.call('HSET', KEYS[2], 'end', string.format('%.0f', last),
             'append', ARGV[3])
  return {'done', last}
end
if last < after then return {'lost', last} end
if #ARGV > 3 and name_of(after + 1) == ARGV[3] then
  return {'done', after + #ARGV - 3}
end
if ARGV[2] ~= '' and after > 0 then
  local known = name_of(after)
  if known and known ~= ARGV[2] then return {'lost', last} end
end
return {'moved', last}
)lua";

// KEYS: log, end, the parts. ARGV: sequence, generation, number of parts, what
// comes before the generation in the key of parts, first event to keep or ''.
// Returns 1, or 0 if there is a checkpoint that reaches further.
inline constexpr absl::string_view kCheckpointScript = R"lua(
local meta = redis.call('HMGET', KEYS[2], 'checkpoint', 'generation')
if meta[1] and tonumber(meta[1]) > tonumber(ARGV[1]) then
  redis.call('UNLINK', KEYS[3])
  return 0
end
redis.call('PERSIST', KEYS[3])
redis.call('HSET', KEYS[2], 'checkpoint', ARGV[1], 'generation', ARGV[2],
           'parts', ARGV[3])
if meta[2] and meta[2] ~= ARGV[2] then
  redis.call('UNLINK', ARGV[4] .. meta[2])
end
if ARGV[5] ~= '' then
  redis.call('XTRIM', KEYS[1], 'MINID', '~', ARGV[5] .. '-0')
end
return 1
)lua";

}  // namespace allot

#endif  // ALLOT_LIB_STORE_REDIS_SCRIPTS_H_
