-- Stores a batch of envelopes, those of one bucket in order. KEYS: buckets. ARGV, for each: seconds of its TTL class,
-- expiry, capacity, number of the first envelope should the bucket be new, wake-up channel, wake-up, how many envelopes
-- follow, and those, sealed. One wake-up tells of all that were stored in a bucket. [protocol 3, 8]
-- Returns the time of this server, then for each envelope: its number; -2 if it made the bucket and has the number given;
-- 0 if the bucket is full; -1 if this server had no memory left. A bucket whose expiry does not fit the time is given
-- nothing, nor is any after it, and the list ends: the caller seals those anew, so that their order stays.
local call = redis.call
local now = tonumber(redis.call('TIME')[1])
local results = {now}
local at = 0
for i = 1, #KEYS do
  local key = KEYS[i]
  local class, expiry, capacity = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local slot = class / 6
  if expiry ~= math.floor((now + class) / slot) * slot then break end
  local length = call('XLEN', key)
  local isWoken = false
  local last = at + 7 + ARGV[at + 7]
  for j = at + 8, last do
    local result = 0
    if length < capacity then
      local id = '0-*'
      if length == 0 then id = '0-' .. ARGV[at + 4] end
      local added = redis.pcall('XADD', key, id, 'e', ARGV[j])
      if type(added) == 'table' then
        result = -1
      else
        result = -2
        if length == 0 then call('EXPIREAT', key, expiry) else result = tonumber(string.sub(added, 3)) end
        length = length + 1
        isWoken = true
      end
    end
    results[#results + 1] = result
  end
  if isWoken then call('SPUBLISH', ARGV[at + 5], ARGV[at + 6]) end
  at = last
end
return results
